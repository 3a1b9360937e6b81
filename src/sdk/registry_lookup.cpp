#include "sdk/registry_lookup.h"

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

namespace callbook::sdk {
namespace {

using Endpoints = RegistryPool::Endpoints;

base::Error unresolved(const Endpoint& name, const std::string& why) {
  return {base::ErrorCode::kIo, "registry", fmt::format("{}: {}", name.host, why), {}};
}

/// Blocks as long as the resolver likes.
base::Result<Endpoints> resolve(const Endpoint& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(name.host.c_str(), nullptr, &hints, &found);
  if (error != 0) return unresolved(name, ::gai_strerror(error));
  Endpoints endpoints;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> host{};
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, host.data(), host.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      endpoints.push_back({host.data(), name.port});
    }
  }
  ::freeaddrinfo(found);
  return endpoints;
}

/// Asks one name. A question under way outlives the resolver: the system's can't be called off.
class DnsLookup {
 public:
  DnsLookup(net::EventLoop& loop, Endpoint name)
      : state_(std::make_shared<State>()), name_(std::move(name)) {
    state_->loop = &loop;
  }
  ~DnsLookup() {
    const std::lock_guard lock(state_->mutex);
    state_->loop = nullptr;
  }
  DnsLookup(const DnsLookup&) = delete;
  DnsLookup& operator=(const DnsLookup&) = delete;

  void ask(RegistryPool::LookedUp done) const {
    auto shared_done = std::make_shared<RegistryPool::LookedUp>(std::move(done));
    try {
      std::thread([state = state_, name = name_, shared_done] {
        auto found = resolve(name);
        const std::lock_guard lock(state->mutex);
        if (state->loop == nullptr) return;
        state->loop->post([shared_done, found = std::move(found)] { (*shared_done)(found); });
      }).detach();
    } catch (const std::system_error& error) {
      (*shared_done)(unresolved(name_, error.what()));
    }
  }

 private:
  struct State {
    std::mutex mutex;
    net::EventLoop* loop = nullptr;  ///< null: nobody waits any more
  };
  std::shared_ptr<State> state_;
  const Endpoint name_;
};

RegistryPool::Lookup lookup_of(net::EventLoop& loop, const RegistryPlace& place) {
  if (place.kind == RegistryPlace::Kind::kFile) {
    return
        [path = place.path](const RegistryPool::LookedUp& done) { done(read_registry_file(path)); };
  }
  return [dns = std::make_shared<DnsLookup>(loop, place.name)](RegistryPool::LookedUp done) {
    dns->ask(std::move(done));
  };
}

}  // namespace

base::Result<std::vector<Endpoint>> read_registry_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    return base::Error{
        base::ErrorCode::kIo,
        "registry",
        fmt::format("{}: {}", path, std::generic_category().message(errno == 0 ? EIO : errno)),
        {}};
  }
  auto endpoints = parse_registry_lines(text);
  if (endpoints.ok()) return endpoints;
  base::Error error = endpoints.error();
  error.detail = fmt::format("{}: {}", path, error.detail);
  return error;
}

RegistryPoolPtr make_registry_pool(net::EventLoop& loop, const RegistryPlace& place,
                                   Random random) {
  if (place.kind == RegistryPlace::Kind::kListed) {
    return std::make_shared<RegistryPool>(place.listed, std::move(random));
  }
  return std::make_shared<RegistryPool>(place.to_string(), lookup_of(loop, place),
                                        std::move(random));
}

}  // namespace callbook::sdk
