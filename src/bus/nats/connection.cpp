#include "bus/nats/connection.h"

#include <fstream>
#include <mutex>
#include <utility>
#include <vector>

namespace callbook::bus::nats {
namespace {

constexpr int kMaxPingsOut = 2;
constexpr int64_t kWriteDeadlineMs = 5'000;

/// The first setting that the library refused, if any.
class Settings {
 public:
  void operator()(std::string_view what, natsStatus status) {
    if (status_ != NATS_OK || status == NATS_OK) return;
    status_ = status;
    what_ = what;
  }
  base::Status result() const {
    if (status_ == NATS_OK) return {};
    return failure(what_, status_);
  }

 private:
  natsStatus status_ = NATS_OK;
  std::string what_;
};

/// Which step of the library's failed last on this thread, as in " (certificate verify failed)".
std::string last_detail() {
  const char* const known = nats_GetLastError(nullptr);
  std::string_view detail = known == nullptr ? "" : known;
  // It begins with a place in the library's source.
  constexpr std::string_view kPlaceEnd = "): ";
  const size_t end = detail.find(kPlaceEnd);
  if (end != std::string_view::npos) detail.remove_prefix(end + kPlaceEnd.size());
  return detail.empty() ? "" : " (" + std::string(detail) + ")";
}

base::Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  if (!std::getline(file, token) || token.empty()) {
    return base::Error{base::ErrorCode::kIo, "bus", "cannot read a token from " + path,
                       std::nullopt};
  }
  return token;
}

base::Status set_identity(natsOptions* to, const Security& security) {
  Settings set;
  if (!security.credentials_file.empty()) {
    // The library would say no more than "Error".
    if (!std::ifstream(security.credentials_file)) {
      return base::Error{base::ErrorCode::kIo, "bus",
                         "cannot read credentials from " + security.credentials_file, std::nullopt};
    }
    set("using the credentials file",
        natsOptions_SetUserCredentialsFromFiles(to, security.credentials_file.c_str(), nullptr));
  } else if (!security.token_file.empty()) {
    const auto token = read_token(security.token_file);
    if (!token.ok()) return token.error();
    set("using the token", natsOptions_SetToken(to, token->c_str()));
  } else if (!security.token.empty()) {
    set("using the token", natsOptions_SetToken(to, security.token.c_str()));
  } else if (!security.user.empty()) {
    set("using the user",
        natsOptions_SetUserInfo(to, security.user.c_str(), security.password.c_str()));
  }
  return set.result();
}

base::Status set_tls(natsOptions* to, const Security& security) {
  Settings set;
  if (!security.tls) return {};
  set("using TLS", natsOptions_SetSecure(to, true));
  if (!security.ca_file.empty()) {
    set("reading " + security.ca_file,
        natsOptions_LoadCATrustedCertificates(to, security.ca_file.c_str()));
  }
  if (!security.certificate_file.empty()) {
    set("reading " + security.certificate_file + " and its key",
        natsOptions_LoadCertificatesChain(to, security.certificate_file.c_str(),
                                          security.key_file.c_str()));
  }
  if (!security.server_name.empty()) {
    set("expecting the server's name",
        natsOptions_SetExpectedHostname(to, security.server_name.c_str()));
  }
  return set.result();
}

base::Status set_all(natsOptions* to, const Options& options) {
  Settings set;
  std::vector<const char*> servers;
  for (const std::string& server : options.servers) servers.push_back(server.c_str());
  set("naming the servers",
      natsOptions_SetServers(to, servers.data(), static_cast<int>(servers.size())));
  set("naming the connection", natsOptions_SetName(to, options.node.c_str()));
  set("limiting attempts", natsOptions_SetTimeout(to, options.connect_timeout_ms));
  set("leaving reconnection alone", natsOptions_SetAllowReconnect(to, false));
  set("pinging", natsOptions_SetPingInterval(to, options.ping_ms));
  set("pinging", natsOptions_SetMaxPingsOut(to, kMaxPingsOut));
  set("limiting writes", natsOptions_SetWriteDeadline(to, kWriteDeadlineMs));
  set("sending at once", natsOptions_SetSendAsap(to, true));
  // A node needs no beat of its own. What streams deliver is not affected.
  set("hearing only others", natsOptions_SetNoEcho(to, true));
  // What the library reports here shows elsewhere: in answers, or as a gap.
  set("taking reports",
      natsOptions_SetErrorHandler(
          to, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr));
  if (const auto done = set_identity(to, options.security); !done.ok()) return done;
  if (const auto done = set_tls(to, options.security); !done.ok()) return done;
  return set.result();
}

}  // namespace

struct Connection::Route {
  std::mutex mutex;
  OnClosed on_closed;
};

base::Result<std::unique_ptr<Connection>> Connection::make(const Options& options,
                                                           OnClosed on_closed) {
  natsOptions* made = nullptr;
  if (const natsStatus status = natsOptions_Create(&made); status != NATS_OK) {
    return failure("starting the library", status);
  }
  const OptionsHandle settings(made);
  if (const auto set = set_all(made, options); !set.ok()) return set.error();
  auto route = std::make_shared<Route>();
  route->on_closed = std::move(on_closed);
  // The library's share: it calls back once for every connection that it has made.
  auto* const for_library = new std::shared_ptr<Route>(route);
  const auto closed = [](natsConnection*, void* shared) {
    const std::unique_ptr<std::shared_ptr<Route>> owned(
        static_cast<std::shared_ptr<Route>*>(shared));
    const std::lock_guard lock((*owned)->mutex);
    if ((*owned)->on_closed) (*owned)->on_closed();
  };
  natsStatus status = natsOptions_SetClosedCB(made, closed, for_library);
  natsConnection* handle = nullptr;
  if (status == NATS_OK) status = natsConnection_Connect(&handle, made);
  if (status != NATS_OK) {
    delete for_library;
    base::Error error = failure("connecting", status);
    error.detail += last_detail();
    return error;
  }
  std::unique_ptr<Connection> connection(new Connection());
  connection->handle_ = handle;
  connection->route_ = std::move(route);
  jsCtx* context = nullptr;
  status = natsConnection_JetStream(&context, handle, nullptr);
  connection->jet_stream_.reset(context);
  if (status != NATS_OK) return failure("using JetStream", status);
  return connection;
}

Connection::~Connection() {
  {
    const std::lock_guard lock(route_->mutex);
    route_->on_closed = nullptr;
  }
  jet_stream_.reset();
  natsConnection_Destroy(handle_);
}

}  // namespace callbook::bus::nats
