#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "load/poller.h"
#include "load/process.h"

namespace callbook::load {

/// How requests are sent: on each of `connections`, `pipelining` at a time, until `count` in all
/// have been sent or `max_ns` is over; then the answers still owed are awaited. Without a `max_ns`
/// all are sent, or the deadline fails the program.
struct LoopPlan {
  uint16_t port = 0;
  size_t connections = 1;
  size_t pipelining = 1;
  uint64_t count = 0;
  std::optional<int64_t> max_ns = std::nullopt;
};

/// What is sent, and what must come back. Connections are numbered from 0.
class Workload {
 public:
  virtual ~Workload() = default;
  /// Appends the `n`th request of all, from 0.
  virtual void append_request(size_t connection, uint64_t n, std::string& out) = 0;
  /// Called once for each request, in the order of each connection. Fails the program on an answer
  /// that must not be.
  virtual void on_response(size_t connection, int status, std::string_view body) = 0;
};

struct LoopResult {
  uint64_t operations = 0;
  int64_t elapsed_ns = 0;     ///< first request to last answer
  int64_t server_cpu_ns = 0;  ///< 0 without a server
};

/// `server` may be null. Fails the program when a connection is lost or the deadline passes.
LoopResult run_requests(const LoopPlan& plan, Workload& workload, const Process* server,
                        const Deadline& deadline);

}  // namespace callbook::load
