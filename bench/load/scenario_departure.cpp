// Mass departure: many sessions closed at once, while others watch all the services that empty.

#include <charconv>
#include <thread>

#include "load/batches.h"
#include "load/client.h"
#include "load/fail.h"
#include "load/instance_texts.h"
#include "load/measures.h"
#include "load/process.h"
#include "load/scenarios.h"
#include "load/sessions.h"
#include "load/watchers.h"

namespace callbook::load {
namespace {

/// Which watcher has seen which list empty. A list that is filled again counts as not empty.
class EmptyLists {
 public:
  EmptyLists(size_t watchers, size_t services)
      : services_(services), is_empty_(watchers * services), missing_(watchers * services) {}

  void take(size_t watcher, const Event& event) {
    const std::string_view digest = event.text_of("\"digest\":");
    if (digest.empty()) return;
    const size_t at = watcher * services_ + service_of(event);
    const bool now_empty = digest == "AAAAAAAAAAA";
    if (now_empty == is_empty_[at]) return;
    is_empty_[at] = now_empty;
    missing_ += now_empty ? -1 : 1;
  }

  bool all() const { return missing_ == 0; }

 private:
  size_t service_of(const Event& event) const {
    const std::string_view name = event.text_of("\"service\":");
    size_t number = 0;
    const bool ours = name.starts_with("s-") && name.size() == 2 + kServiceDigits;
    if (ours) std::from_chars(name.data() + 2, name.data() + name.size(), number);
    if (!ours || number >= services_) fail("an event of service '{}'", name);
    return number;
  }

  size_t services_;
  std::vector<bool> is_empty_;
  size_t missing_;
};

std::vector<WatchedService> all_services(uint16_t port, size_t count) {
  Client client(port);
  std::vector<WatchedService> services;
  for (size_t i = 0; i < count; ++i) {
    services.push_back({service_name(i), list_digest(client, service_name(i))});
  }
  return services;
}

}  // namespace

std::string run_departure(Options& options, const Deadline& deadline) {
  const auto port = static_cast<uint16_t>(options.number("port"));
  const Process server(static_cast<pid_t>(options.number("server-pid")));
  const uint64_t session_count = options.number("sessions", 1'000);
  const uint64_t services = options.number("services", 100);
  const uint64_t instances = session_count * options.number("instances-per-session", 100);
  const uint64_t watcher_count = options.number("watchers", 100);
  options.finish();

  const auto sessions = open_sessions(port, session_count, deadline);
  register_in_batches(
      {.port = port, .first = 0, .instances = instances, .services = services, .size = {}},
      sessions, nullptr, deadline);
  Watchers watchers(port, watcher_count, watch_request(all_services(port, services)), deadline);
  EmptyLists lists(watcher_count, services);

  const uint64_t bytes_before = watchers.bytes_read();
  const int64_t cpu_before_ns = server.cpu_ns();
  const int64_t start_ns = now_ns();
  uint64_t left = 0;
  // The watchers must be read while the sessions close, or the server would wait for them.
  std::jthread closing([&] { left = close_sessions(port, sessions, 100, deadline); });
  watchers.read_until([&](size_t index, const Event& event) { lists.take(index, event); },
                      [&] { return lists.all(); }, deadline);
  const int64_t end_ns = now_ns();
  const int64_t cpu_ns = server.cpu_ns() - cpu_before_ns;
  closing.join();
  if (left != instances) fail("{} instances were registered, but {} left", instances, left);
  return fmt::format(R"({{"instances":{},"last_ms":{:.1f},"bytes":{},"server_cpu_us":{:.3f}}})",
                     instances, to_ms(end_ns - start_ns), watchers.bytes_read() - bytes_before,
                     static_cast<double>(cpu_ns) / 1e3 / static_cast<double>(instances));
}

}  // namespace callbook::load
