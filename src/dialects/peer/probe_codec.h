#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/input.h"
#include "core/output.h"

namespace callbook::peer {

// How one node has another probe (docs/formats/bus.md, "Probes").

inline constexpr size_t kMaxProbes = 1'000;
inline constexpr int64_t kMaxProbeTimeoutMs = 10'000;

/// Tickets and paths do not travel: connections are tried, and answered in order.
std::string encode_probes(const std::vector<core::Probe>& probes);
/// kCorrupt for what no release of this format writes, kLimit for more than kMaxProbes.
base::Result<std::vector<core::Probe>> decode_probes(std::string_view bytes);

std::string encode_outcomes(const std::vector<core::ProbeResult::Outcome>& outcomes);
/// kCorrupt unless these are `count` outcomes of a probe.
base::Result<std::vector<core::ProbeResult::Outcome>> decode_outcomes(std::string_view bytes,
                                                                      size_t count);

}  // namespace callbook::peer
