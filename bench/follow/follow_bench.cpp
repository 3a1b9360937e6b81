// follow-bench: a program that follows many services through the client library, for what that
// costs it. Follows services s-0 … s-(N-1) and says once each lists as many instances as it should:
//
//   following ms=… bytes=…      since it began; what lists and client take of memory
//
// Then, for each line "SERVICE ID" of its standard input, waits until the service lists the id:
//
//   seen cpu_ns=…               CPU time of all its threads since the line before
//
//   --port N        of the registry; 0: there is none, so that only the cache can help
//   --cache DIR     where lists are kept (nowhere)
//   --services N    (100)
//   --instances N   of each (1000)

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "callbook/client.h"
#include "load/fail.h"
#include "load/options.h"
#include "load/process.h"
#include <unistd.h>

namespace callbook::load {
namespace {

constexpr std::chrono::seconds kPatience{60};

/// Looks again whenever a list has changed.
class Lists {
 public:
  Lists(Client& client, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      services_.push_back(client.service(fmt::format("s-{}", i)));
      subscriptions_.push_back(services_.back().on_change([this](const Service&) {
        const std::lock_guard lock(mutex_);
        changed_.notify_one();
      }));
    }
  }

  void await(const std::string& what, const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    std::unique_lock lock(mutex_);
    while (!holds()) {
      if (changed_.wait_until(lock, end) == std::cv_status::timeout) fail("{}: in vain", what);
    }
  }

  /// They fill one after the other: each is asked until it is full, and then no more.
  void await_full(size_t instances) {
    auto next = services_.begin();
    await("the lists", [&] {
      while (next != services_.end() && next->instances().size() >= instances) ++next;
      return next == services_.end();
    });
  }

  void await_listed(const std::string& service, const std::string& id) {
    const auto named = std::find_if(services_.begin(), services_.end(),
                                    [&](const Service& one) { return one.name() == service; });
    if (named == services_.end()) fail("service {} is not followed", service);
    const Service& followed = *named;
    await(id, [&] {
      const auto all = followed.instances();
      return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one->id == id; });
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Service> services_;
  std::vector<Service::Subscription> subscriptions_;
};

int run(int argc, char** argv) {
  Options options(argc, argv, 1);
  const uint64_t port = options.number("port");
  const std::string cache = options.text("cache", "");
  const size_t services = options.number("services", 100);
  const size_t instances = options.number("instances", 1'000);
  options.finish();

  const Process self(::getpid());
  const int64_t empty_bytes = self.anonymous_bytes();
  const int64_t began_ns = now_ns();
  ClientOptions wanted;
  wanted.registry = fmt::format("127.0.0.1:{}", port == 0 ? 1 : port);
  wanted.cache_directory = cache;
  Client client(wanted);
  Lists lists(client, services);
  lists.await_full(instances);
  const double took_ms = static_cast<double>(now_ns() - began_ns) / 1e6;
  fmt::print("following ms={:.1f} bytes={}\n", took_ms,
             self.settled_anonymous_bytes() - empty_bytes);
  std::fflush(stdout);

  int64_t cpu_ns = self.cpu_ns();
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string service;
    std::string id;
    words >> service >> id;
    lists.await_listed(service, id);
    const int64_t before_ns = std::exchange(cpu_ns, self.cpu_ns());
    fmt::print("seen cpu_ns={}\n", cpu_ns - before_ns);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace callbook::load

int main(int argc, char** argv) {
  return callbook::load::run(argc, argv);
}
