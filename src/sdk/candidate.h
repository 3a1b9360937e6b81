#pragma once

#include <atomic>
#include <cstdint>

namespace callbook::sdk {

/// What this process knows of the use of one instance: shared by every list that the instance
/// stands in, however its registration changes, and by the picks of it. Thread-safe.
struct Candidate {
  std::atomic<uint32_t> outstanding{0};  ///< calls under way
  /// A call to it has failed, and it has not been reached since: set by whoever sees it first, so
  /// that others choose somebody else before the client's thread has heard of it (LocalHealth).
  std::atomic<bool> doubted{false};
};

}  // namespace callbook::sdk
