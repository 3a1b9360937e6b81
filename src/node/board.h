#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "core/registry.h"
#include "dialects/native/native_dialect.h"
#include "net/http_server.h"
#include "store/log.h"

namespace callbook::node {

/// What the core's thread says of itself.
struct CoreReport {
  core::Registry::Counts counts;
  uint64_t version = 0;
  uint64_t inputs = 0;
  uint64_t refused = 0;
  uint64_t registered = 0;
  uint64_t deregistered = 0;
  uint64_t sessions_opened = 0;
  uint64_t sessions_closed = 0;
  uint64_t sessions_expired = 0;
  uint64_t instances_expired = 0;
  uint64_t heartbeats = 0;
  uint64_t batches = 0;
  uint64_t publications = 0;
  core::Registry::Counters counters;
  size_t suspects = 0;
  bool doubtful = false;
  int64_t loop_lag_ms = 0;  ///< the longest wait of a tick since the last report
  bool in_memory = false;
  store::Log::Stats store;
  std::string degraded;
  bool rewriting = false;
};

/// What an I/O thread says of itself.
struct FrontReport {
  net::HttpServerStats http;
  native::NativeDialect::Stats native;
  size_t subscriptions = 0;
};

/// Where the node's threads leave their figures for whoever asks. Thread-safe; never on the way of
/// a request.
class Board {
 public:
  explicit Board(size_t fronts) : fronts_(fronts) {}

  void put(const CoreReport& report);
  void put(size_t front, const FrontReport& report);
  void set_state(std::string state);  ///< "loading", "serving", "stopping"

  struct Snapshot {
    std::string state;
    CoreReport core;
    std::vector<FrontReport> fronts;
  };
  Snapshot snapshot() const;

 private:
  mutable std::mutex mutex_;
  std::string state_ = "loading";    // guarded by mutex_
  CoreReport core_;                  // guarded by mutex_
  std::vector<FrontReport> fronts_;  // guarded by mutex_
};

}  // namespace callbook::node
