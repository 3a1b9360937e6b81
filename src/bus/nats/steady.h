#pragma once

#include <chrono>
#include <cstdint>

namespace callbook::bus::nats {

/// The monotonic clock by which this layer measures silence and time-outs, in ms. Any thread.
inline int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace callbook::bus::nats
