#include "sdk/list_doubt.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace callbook::sdk {
namespace {

// Core's causes by which it buries an instance. Left out is "none": by that word instances are
// hidden while news of their session is on its way, which is over within a minute.
constexpr std::array<std::string_view, 9> kRemovalCauses = {
    "deregistered",    "drained",   "session_closed", "session_expired", "probe_refused",
    "probe_timed_out", "home_lost", "address_taken",  "check_failed"};

}  // namespace

bool is_removal_cause(std::string_view cause) {
  return std::find(kRemovalCauses.begin(), kRemovalCauses.end(), cause) != kRemovalCauses.end();
}

bool is_collapse(size_t held, size_t now) {
  return now < held && now < held - now;
}

std::string doubt_about_emptiness(const std::optional<Emptiness>& emptiness, size_t held) {
  if (!emptiness) return fmt::format("{} instances are gone without a reason", held);
  if (emptiness->reason != "all_left") {
    return fmt::format("{} instances are gone, and the registry says '{}'", held,
                       emptiness->reason);
  }
  uint64_t explained = 0;
  for (const auto& [cause, count] : emptiness->causes) {
    if (is_removal_cause(cause)) explained += std::min<uint64_t>(count, held);
  }
  if (explained >= held) return {};
  return fmt::format("{} instances are gone, and causes are given for {}", held, explained);
}

}  // namespace callbook::sdk
