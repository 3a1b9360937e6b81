#include "probe/resolver.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <deque>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace callbook::probe {
namespace {

/// c-ares asks the next server after this time, and doubles it once it has asked each.
constexpr int kTryMs = 200;
constexpr int kTries = 3;
/// Look-ups under way; further ones wait for these.
constexpr size_t kMostUnderWay = 256;
constexpr size_t kMostAddresses = 64;
constexpr int64_t kLookAtConfigMs = 1'000;
constexpr size_t kEventsAtOnce = 32;

struct FreeAddresses {
  void operator()(ares_addrinfo* addresses) const { ares_freeaddrinfo(addresses); }
};
using AddressesPtr = std::unique_ptr<ares_addrinfo, FreeAddresses>;

std::string text_of(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes =
      address.sa_family == AF_INET
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr)
          : &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return ::inet_ntop(address.sa_family, bytes, text.data(), text.size()) == nullptr ? ""
                                                                                    : text.data();
}

Lookup::Outcome outcome_of(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return Lookup::Outcome::kAddresses;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
      return Lookup::Outcome::kNoSuchName;
    case ARES_ENOMEM:
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
    case ARES_ENOTINITIALIZED:
      return Lookup::Outcome::kNotAsked;
    default:
      return Lookup::Outcome::kNoAnswer;
  }
}

Lookup lookup_of(int status, const ares_addrinfo* found, int64_t& ttl_s) {
  Lookup lookup;
  lookup.outcome = outcome_of(status);
  if (status != ARES_SUCCESS) {
    lookup.text = std::string("name not resolved: ") + ares_strerror(status);
    return lookup;
  }
  for (const ares_addrinfo_cname* alias = found->cnames; alias != nullptr; alias = alias->next) {
    if (alias->ttl > 0) ttl_s = ttl_s > 0 ? std::min<int64_t>(ttl_s, alias->ttl) : alias->ttl;
  }
  for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
    if (node->ai_ttl > 0) ttl_s = ttl_s > 0 ? std::min<int64_t>(ttl_s, node->ai_ttl) : node->ai_ttl;
    if (lookup.addresses.size() == kMostAddresses) continue;
    std::string address = text_of(*node->ai_addr);
    const auto& known = lookup.addresses;
    if (std::find(known.begin(), known.end(), address) == known.end()) {
      lookup.addresses.push_back(std::move(address));
    }
  }
  if (lookup.addresses.empty()) {
    lookup.outcome = Lookup::Outcome::kNoSuchName;
    lookup.text = "name not resolved: it has no address";
  }
  return lookup;
}

}  // namespace

namespace {

/// An IP address, or one with a port: "10.0.0.2", "10.0.0.2:53", "fd00::2", "[fd00::2]:53".
bool is_server(std::string_view text) {
  std::string_view host = text;
  std::string_view port = "53";
  if (text.starts_with('[')) {
    const size_t end = text.find("]:");
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    port = text.substr(end + 2);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
  }
  std::array<uint8_t, 16> bytes;
  const std::string address(host);
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return (::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 ||
          ::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) &&
         error == std::errc() && end == port.data() + port.size() && number != 0;
}

}  // namespace

/// c-ares' sockets stand in an epoll set of their own, which the loop watches as one descriptor.
class Resolver::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(net::EventLoop& loop, const base::Clock& clock, ResolverOptions options)
      : loop_(loop),
        clock_(clock),
        options_(std::move(options)),
        book_(options_.longest_known_ms),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    static std::once_flag once;
    std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
    open();
  }

  void start() {
    if (epoll_ < 0) return;
    readable_ = loop_.on_readable(epoll_, [this] { take_events(); });
  }

  void stop() {
    stopped_ = true;
    timer_.reset();
    readable_.reset();
    waits_.clear();
    queue_.clear();
    close();
    if (epoll_ >= 0) ::close(epoll_);
  }

  void lookup(const std::string& name, int64_t patience_ms, Done done) {
    const int64_t now_ms = clock_.now().mono_ms;
    if (const Lookup* known = book_.find(name, now_ms)) {
      if (book_.is_ageing(name, now_ms)) begin(name);
      const Lookup found = *known;
      return done(judged(found, now_ms));
    }
    const uint64_t number = ++last_number_;
    Wait& wait = waits_[name][number];
    wait.done = std::move(done);
    wait.timer = loop_.after(std::max<int64_t>(patience_ms, 1),
                             [this, name, number] { give_up(name, number); });
    begin(name);
  }

  const Stats& stats() const { return stats_; }

 private:
  struct Wait {
    Done done;
    std::unique_ptr<net::EventLoop::Timer> timer;
  };
  struct Query {
    Impl* resolver;
    std::string name;
  };
  struct ConfigState {
    int64_t changed_ns = -1;
    uint64_t inode = 0;
    int64_t bytes = 0;
    bool operator==(const ConfigState&) const = default;
  };

  // --- Asking ---

  void begin(const std::string& name) {
    if (!pending_.emplace(name, false).second) return;
    queue_.push_back(name);
    ask_queued();
  }

  void ask_queued() {
    reopen_if_changed();
    while (!stopped_ && under_way_ < kMostUnderWay && !queue_.empty()) {
      const std::string name = std::move(queue_.front());
      queue_.pop_front();
      pending_[name] = true;
      book_.begin(name, clock_.now().mono_ms);
      ++stats_.asked;
      ++under_way_;
      if (channel_ == nullptr) {
        found_.push_back({name, ARES_ENOTINITIALIZED, nullptr});
        settle_later();
        continue;
      }
      ares_addrinfo_hints hints{};
      hints.ai_family = AF_UNSPEC;
      hints.ai_socktype = SOCK_STREAM;
      ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, on_found, new Query{this, name});
    }
    set_timer();
  }

  static void on_found(void* arg, int status, int, ares_addrinfo* addresses) {
    const std::unique_ptr<Query> query(static_cast<Query*>(arg));
    AddressesPtr held(addresses);
    Impl& self = *query->resolver;
    if (self.stopped_) return;
    if (status == ARES_EDESTRUCTION) {
      // The channel is made anew, and asks again.
      --self.under_way_;
      self.queue_.push_front(query->name);
      self.pending_[query->name] = false;
      return;
    }
    // May be called from within the asking, so nobody is called back from here.
    self.found_.push_back({query->name, status, std::move(held)});
    self.settle_later();
  }

  void settle_later() {
    if (std::exchange(will_settle_, true)) return;
    loop_.post([self = shared_from_this()] {
      if (!self->stopped_) self->settle();
    });
  }

  void settle() {
    will_settle_ = false;
    const int64_t now_ms = clock_.now().mono_ms;
    std::map<std::string, Lookup> results;
    // All of them first: what one of them says of the resolver holds for the others.
    for (Found& found : std::exchange(found_, {})) {
      --under_way_;
      pending_.erase(found.name);
      int64_t ttl_s = 0;
      Lookup lookup = lookup_of(found.status, found.addresses.get(), ttl_s);
      using Outcome = Lookup::Outcome;
      if (lookup.outcome == Outcome::kAddresses || lookup.outcome == Outcome::kNoSuchName) {
        ++stats_.answered;
      }
      results.insert_or_assign(found.name, lookup);
      book_.finish(found.name, std::move(lookup), ttl_s, now_ms);
    }
    for (const auto& [name, lookup] : results) {
      auto waits = waits_.extract(name);
      if (waits.empty()) continue;
      for (auto& [number, wait] : waits.mapped()) {
        wait.timer.reset();
        wait.done(judged(lookup, now_ms));
        if (stopped_) return;
      }
    }
    ask_queued();
  }

  void give_up(const std::string& name, uint64_t number) {
    const auto found = waits_.find(name);
    if (found == waits_.end()) return;
    auto wait = found->second.extract(number);
    if (wait.empty()) return;
    if (found->second.empty()) waits_.erase(found);
    const auto pending = pending_.find(name);
    const bool asked = pending == pending_.end() || pending->second;
    const Lookup lookup =
        asked ? Lookup{Lookup::Outcome::kNoAnswer, {}, "name not resolved: no answer in time"}
              : Lookup{Lookup::Outcome::kNotAsked, {}, "not asked: too many names wait"};
    wait.mapped().done(judged(lookup, clock_.now().mono_ms));
  }

  Lookup judged(const Lookup& lookup, int64_t now_ms) {
    using Outcome = Lookup::Outcome;
    const bool unresolved =
        lookup.outcome == Outcome::kNoAnswer || lookup.outcome == Outcome::kNoSuchName;
    if (!unresolved || !book_.resolver_in_doubt(now_ms)) return lookup;
    return {Outcome::kNotAsked, {}, "not asked: most names find no resolver that answers"};
  }

  // --- The channel ---

  void open() {
    ares_options options{};
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
               ARES_OPT_SOCK_STATE_CB;
    std::string lookups = "fb";  // the file first, then DNS
    options.timeout = kTryMs;
    options.tries = kTries;
    options.lookups = lookups.data();
    options.sock_state_cb = on_socket;
    options.sock_state_cb_data = this;
    if (!options_.resolv_conf.empty()) {
      options.resolvconf_path = options_.resolv_conf.data();
      mask |= ARES_OPT_RESOLVCONF;
    }
    if (options_.default_port != 0) {
      options.udp_port = options.tcp_port = options_.default_port;
      mask |= ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
    }
    config_ = config_state();
    if (ares_init_options(&channel_, &options, mask) != ARES_SUCCESS) channel_ = nullptr;
    if (channel_ == nullptr || options_.servers.empty()) return;
    if (ares_set_servers_ports_csv(channel_, options_.servers.c_str()) != ARES_SUCCESS) close();
  }

  void close() {
    // Calls on_found() for all that is under way.
    if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
  }

  ConfigState config_state() const {
    struct stat file {};
    const std::string path =
        options_.resolv_conf.empty() ? "/etc/resolv.conf" : options_.resolv_conf;
    if (::stat(path.c_str(), &file) != 0) return {};
    return {int64_t{file.st_mtim.tv_sec} * 1'000'000'000 + file.st_mtim.tv_nsec, file.st_ino,
            file.st_size};
  }

  void reopen_if_changed() {
    const int64_t now_ms = clock_.now().mono_ms;
    if (!options_.servers.empty() || now_ms < look_at_config_ms_) return;
    look_at_config_ms_ = now_ms + kLookAtConfigMs;
    if (config_state() == config_) return;
    close();
    open();
  }

  // --- Its sockets and its time ---

  static void on_socket(void* arg, ares_socket_t socket, int readable, int writable) {
    const Impl& self = *static_cast<Impl*>(arg);
    epoll_event event{};
    event.events = (readable != 0 ? EPOLLIN : 0U) | (writable != 0 ? EPOLLOUT : 0U);
    event.data.fd = socket;
    if (event.events == 0) {
      ::epoll_ctl(self.epoll_, EPOLL_CTL_DEL, socket, nullptr);
    } else if (::epoll_ctl(self.epoll_, EPOLL_CTL_MOD, socket, &event) != 0) {
      // One that can't be watched is still asked again when its time is over.
      ::epoll_ctl(self.epoll_, EPOLL_CTL_ADD, socket, &event);
    }
  }

  void take_events() {
    std::array<epoll_event, kEventsAtOnce> events;
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count && channel_ != nullptr; ++i) {
      const int socket = events[i].data.fd;
      const uint32_t ready = events[i].events;
      const bool reads = (ready & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
      const bool writes = (ready & EPOLLOUT) != 0;
      ares_process_fd(channel_, reads ? socket : ARES_SOCKET_BAD,
                      writes ? socket : ARES_SOCKET_BAD);
    }
    set_timer();
  }

  void set_timer() {
    timer_.reset();
    timeval time{};
    if (channel_ == nullptr || ares_timeout(channel_, nullptr, &time) == nullptr) return;
    const int64_t wait_ms = int64_t{time.tv_sec} * 1'000 + time.tv_usec / 1'000 + 1;
    timer_ = loop_.after(wait_ms, [this] {
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      set_timer();
    });
  }

  struct Found {
    std::string name;
    int status;
    AddressesPtr addresses;
  };

  net::EventLoop& loop_;
  const base::Clock& clock_;
  ResolverOptions options_;
  NameBook book_;
  const int epoll_;
  ares_channel channel_ = nullptr;
  ConfigState config_;
  int64_t look_at_config_ms_ = 0;
  std::unique_ptr<net::EventLoop::Timer> readable_;
  std::unique_ptr<net::EventLoop::Timer> timer_;
  std::map<std::string, std::map<uint64_t, Wait>> waits_;  ///< by name, by number
  std::map<std::string, bool> pending_;  ///< by name: false: queued, true: under way
  std::deque<std::string> queue_;
  std::vector<Found> found_;  ///< to be settled
  uint64_t last_number_ = 0;
  size_t under_way_ = 0;
  bool will_settle_ = false;
  bool stopped_ = false;
  Stats stats_;
};

Resolver::Resolver(net::EventLoop& loop, const base::Clock& clock, ResolverOptions options)
    : impl_(std::make_shared<Impl>(loop, clock, std::move(options))) {
  impl_->start();
}

Resolver::~Resolver() {
  impl_->stop();
}

void Resolver::lookup(const std::string& name, int64_t patience_ms, Done done) {
  impl_->lookup(name, patience_ms, std::move(done));
}

const Resolver::Stats& Resolver::stats() const {
  return impl_->stats();
}

std::string Resolver::fault_of(const std::string& servers) {
  std::string_view left = servers;
  while (!left.empty()) {
    const size_t end = std::min(left.find(','), left.size());
    if (!is_server(left.substr(0, end)) || end + 1 == left.size()) {
      return "names no DNS servers; want IP addresses, as in 10.0.0.2:53,[fd00::2]:53";
    }
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return {};
}

}  // namespace callbook::probe
