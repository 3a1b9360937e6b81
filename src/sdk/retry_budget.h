#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace callbook::sdk {

/// How many retries may be made of the calls to a service: a share of the calls within the last ten
/// seconds or so, and some more, so that a service which is rarely called has some at all. Keeps
/// retries from multiplying the load on a service that is failing as a whole. Thread-safe,
/// lock-free; counts may be off by what happens at the turn of a second.
class RetryBudget {
 public:
  static constexpr uint64_t kAlways = 10;  ///< in ten seconds

  explicit RetryBudget(double share) : share_(share) {}

  void note_call(int64_t now_ms);
  /// Takes one retry out of the budget; false: there is none left.
  bool take(int64_t now_ms);

 private:
  static constexpr size_t kSeconds = 10;
  struct Second {
    std::atomic<int64_t> number{-1};
    std::atomic<uint64_t> calls{0};
    std::atomic<uint64_t> retries{0};
  };

  Second& second_at(int64_t now_ms);

  const double share_;
  std::array<Second, kSeconds> seconds_;
};

}  // namespace callbook::sdk
