#include "core/hybrid_clock.h"

#include <algorithm>

#include "base/hash.h"

namespace callbook::core {

NodeId node_id_of(std::string_view node_name) {
  return static_cast<NodeId>(base::xxh64(node_name));
}

Stamp HybridClock::next(base::Now now) {
  const uint64_t physical = static_cast<uint64_t>(std::max<int64_t>(now.wall_ms, 0)) << 16;
  last_hlc_ = std::max(physical, last_hlc_ + 1);
  return Stamp{last_hlc_, node_};
}

void HybridClock::restart(base::Now now, int64_t margin_ms, uint64_t boot) {
  constexpr uint64_t kAboutASecond = uint64_t{1} << 26;
  const uint64_t physical = static_cast<uint64_t>(std::max<int64_t>(now.wall_ms, 0)) << 16;
  if (last_hlc_ <= physical || last_hlc_ == begun_hlc_) return;
  last_hlc_ += (static_cast<uint64_t>(margin_ms) << 16) + base::mix64(boot) % kAboutASecond;
  begun_hlc_ = last_hlc_;
}

void HybridClock::observe(uint64_t hlc) {
  last_hlc_ = std::max(last_hlc_, hlc);
}

}  // namespace callbook::core
