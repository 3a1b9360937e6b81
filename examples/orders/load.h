#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "callbook/call.h"

namespace examples {

/// What came of calls and of their attempts. Thread-safe.
class Counts {
 public:
  void note_attempt(const std::string& instance, callbook::Outcome outcome);
  void note_call(const callbook::CallResult& result);

  /// What is new since the last report, "calls=2200 refused=0 ... o-1=731 o-2=733". Of each
  /// instance: how many calls it answered. Lines before that tell of each attempt that failed and
  /// of each call: "attempt instance=o-1 outcome=failed at_ms=..." (Unix time), "failure ...".
  std::string take_report();
  /// Likewise since the beginning, without the instances.
  std::string totals() const;
  uint64_t failures() const;

 private:
  struct Numbers {
    uint64_t calls = 0;     ///< that are over
    uint64_t refused = 0;   ///< attempts that an instance turned away
    uint64_t failed = 0;    ///< attempts that came to nothing, or nobody knows to what
    uint64_t retries = 0;   ///< attempts but for the first of each call
    uint64_t failures = 0;  ///< calls that their caller got no answer to
  };
  static std::string text_of(const Numbers& numbers);

  mutable std::mutex mutex_;
  Numbers total_;                             // under mutex_, like all of these
  Numbers reported_;                          // of total_
  std::map<std::string, uint64_t> answered_;  // since the last report, by instance
  std::string events_;                        // likewise
};

/// Calls `one(number)` at a constant rate from its own threads while it exists. An open loop: what
/// is late is made up for, so that slow answers do not thin out the load.
class Load {
 public:
  using One = std::function<void(uint64_t number)>;
  Load(uint32_t per_second, uint32_t threads, One one);
  /// Waits for the calls under way.
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  void run();
  /// Whether that time came before the end.
  bool wait_until(std::chrono::steady_clock::time_point due);

  const std::chrono::nanoseconds interval_;
  const One one_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::atomic<uint64_t> next_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;  // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace examples
