#pragma once

#include <atomic>
#include <cstdint>

namespace callbook::sdk {

/// What this process knows of the use of one instance: shared by every list that the instance
/// stands in, however its registration changes, and by the picks of it. Thread-safe.
struct Candidate {
  std::atomic<uint32_t> outstanding{0};  ///< calls under way
  /// It has failed lately, so that the next success is news (LocalHealth).
  std::atomic<bool> doubted{false};
};

}  // namespace callbook::sdk
