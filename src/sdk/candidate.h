#pragma once

#include <atomic>
#include <cstdint>

namespace callbook::sdk {

/// What this process knows of the use of one instance: shared by every list that the instance
/// stands in, however its registration changes, and by the picks of it. Thread-safe.
struct Candidate {
  std::atomic<uint32_t> outstanding{0};  ///< calls under way
  /// A call to it has failed, and it has not been reached since: set by whichever thread sees it
  /// first, so that others choose another before the client's thread has heard of it (LocalHealth).
  std::atomic<bool> doubted{false};

  // Written by the client's thread alone.

  /// It listens, but no call has succeeded since one failed: one at a time is tried.
  std::atomic<bool> on_trial{false};
  /// How each call to it ends is news to the client's thread.
  std::atomic<bool> watched{false};
  /// Grows each time that it is left out for a failure: a call that was chosen before says nothing
  /// of what it is now.
  std::atomic<uint64_t> period{0};

  bool is_free() const {
    return !doubted.load(std::memory_order_relaxed) &&
           !(on_trial.load(std::memory_order_relaxed) &&
             outstanding.load(std::memory_order_relaxed) > 0);
  }
};

}  // namespace callbook::sdk
