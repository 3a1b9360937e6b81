#include "probe/tls.h"

#include <array>
#include <vector>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/check.h"

namespace callbook::probe {
namespace {

using net::ProbeOutcome;
using net::ProbeVerdict;

constexpr int64_t kReadAgainMs = 3'600'000;

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeConnection {
  void operator()(SSL* connection) const { SSL_free(connection); }
};

bool is_ip(const std::string& host) {
  std::array<uint8_t, 16> bytes;
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

/// The reason on top of OpenSSL's queue, which is emptied.
std::string take_reason() {
  const unsigned long error = ERR_peek_error();
  const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  std::string text = reason != nullptr ? reason : "handshake failed";
  ERR_clear_error();
  return text;
}

}  // namespace

class TlsContexts::Context {
 public:
  explicit Context(bool verify) : context_(SSL_CTX_new(TLS_client_method())) {
    if (!context_) return;
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context_.get(), SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
    if (!verify) return;
    // Without any authority every certificate is refused, with the reason in the verdict.
    SSL_CTX_set_default_verify_paths(context_.get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    ERR_clear_error();
  }
  SSL_CTX* get() const { return context_.get(); }

 private:
  std::unique_ptr<SSL_CTX, FreeContext> context_;
};

TlsContexts::TlsContexts() = default;
TlsContexts::~TlsContexts() = default;

std::shared_ptr<TlsContexts::Context> TlsContexts::get(bool verify, int64_t now_ms) {
  std::shared_ptr<Context>& held = verify ? verifying_ : trusting_;
  const bool old = verify && now_ms - read_at_ms_ >= kReadAgainMs;
  if (!held || old) {
    held = std::make_shared<Context>(verify);
    if (verify) read_at_ms_ = now_ms;
  }
  if (held->get() == nullptr) held.reset();
  return held;
}

struct TlsClient::State {
  std::shared_ptr<TlsContexts::Context> context;
  std::unique_ptr<SSL, FreeConnection> connection;
  BIO* from_wire = nullptr;  ///< both belong to `connection`
  BIO* to_wire = nullptr;
};

TlsClient::TlsClient(std::shared_ptr<TlsContexts::Context> context, const TlsRule& rule,
                     const std::string& host, std::string_view protocol)
    : state_(std::make_unique<State>()) {
  state_->connection.reset(SSL_new(context->get()));
  state_->context = std::move(context);
  SSL* const ssl = state_->connection.get();
  CALLBOOK_CHECK(ssl != nullptr);
  state_->from_wire = BIO_new(BIO_s_mem());
  state_->to_wire = BIO_new(BIO_s_mem());
  CALLBOOK_CHECK(state_->from_wire != nullptr && state_->to_wire != nullptr);
  // Empty is not its end: more may come.
  BIO_set_mem_eof_return(state_->from_wire, -1);
  SSL_set_bio(ssl, state_->from_wire, state_->to_wire);
  const std::string& name = rule.server_name.empty() ? host : rule.server_name;
  if (is_ip(name)) {
    usable_ = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // Spelled out: the macro for it casts in the old style.
    usable_ = !name.empty() && SSL_set1_host(ssl, name.c_str()) == 1 &&
              SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       const_cast<char*>(name.c_str())) == 1;
  }
  std::vector<uint8_t> offered(1, static_cast<uint8_t>(protocol.size()));
  offered.insert(offered.end(), protocol.begin(), protocol.end());
  SSL_set_alpn_protos(ssl, offered.data(), static_cast<unsigned>(offered.size()));
  SSL_set_connect_state(ssl);
  SSL_do_handshake(ssl);  // writes the first message; what is wrong shows when the answer comes
  ERR_clear_error();
}

TlsClient::~TlsClient() = default;

std::optional<ProbeVerdict> TlsClient::take(std::string_view bytes, std::string& plain) {
  // Grows as it must; that it takes less would be its own invariant broken.
  const int written = BIO_write(state_->from_wire, bytes.data(), static_cast<int>(bytes.size()));
  CALLBOOK_CHECK(written == static_cast<int>(bytes.size()));
  return proceed(plain);
}

std::optional<ProbeVerdict> TlsClient::proceed(std::string& plain) {
  SSL* const ssl = state_->connection.get();
  ERR_clear_error();
  if (!open_) {
    const int done = SSL_do_handshake(ssl);
    if (done != 1) {
      const int error = SSL_get_error(ssl, done);
      return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? std::nullopt : fail();
    }
    open_ = true;
  }
  std::array<char, 4'096> buffer;
  for (;;) {
    const int count = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
    if (count > 0) {
      plain.append(buffer.data(), static_cast<size_t>(count));
      continue;
    }
    const int error = SSL_get_error(ssl, count);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return std::nullopt;
    if (error != SSL_ERROR_ZERO_RETURN) return fail();
    closed_ = true;
    return std::nullopt;
  }
}

std::optional<ProbeVerdict> TlsClient::fail() const {
  const long verified = SSL_get_verify_result(state_->connection.get());
  std::string reason = take_reason();
  if (!open_ && verified != X509_V_OK) reason = X509_verify_cert_error_string(verified);
  return ProbeVerdict{ProbeOutcome::kFailed, 0, "TLS: " + reason};
}

void TlsClient::send(std::string_view plain) {
  if (plain.empty()) return;
  ERR_clear_error();
  // Into memory, so it takes all or has failed; then what comes from the other end shows it.
  SSL_write(state_->connection.get(), plain.data(), static_cast<int>(plain.size()));
}

std::string TlsClient::to_send() {
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(state_->to_wire, &bytes);
  std::string out(bytes, length > 0 ? static_cast<size_t>(length) : 0);
  BIO_reset(state_->to_wire);
  return out;
}

std::string_view TlsClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(state_->connection.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

}  // namespace callbook::probe
