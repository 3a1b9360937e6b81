#include "dialects/peer/probe_codec.h"

#include <algorithm>

#include "base/encoding.h"

namespace callbook::peer {
namespace {

using Outcome = core::ProbeResult::Outcome;

constexpr uint8_t kFormat = 1;

base::Error malformed(std::string detail) {
  return {base::ErrorCode::kCorrupt, "probe", std::move(detail), std::nullopt};
}

}  // namespace

std::string encode_probes(const std::vector<core::Probe>& probes) {
  std::string out;
  base::put_u8(out, kFormat);
  base::put_varint(out, probes.size());
  for (const core::Probe& probe : probes) {
    base::put_string(out, probe.address);
    base::put_varint(out, probe.port);
    base::put_varint(out, static_cast<uint64_t>(probe.timeout_ms));
  }
  return out;
}

base::Result<std::vector<core::Probe>> decode_probes(std::string_view bytes) {
  base::ByteReader reader(bytes);
  if (reader.u8() != kFormat) return malformed("has a format that this release does not read");
  const uint64_t count = reader.varint();
  if (count > kMaxProbes) return base::over_limit("probe", "asks too much at once", kMaxProbes);
  std::vector<core::Probe> probes(count);
  for (core::Probe& probe : probes) {
    probe.address = reader.string();
    const uint64_t port = reader.varint();
    if (port == 0 || port > UINT16_MAX) return malformed("names no port");
    probe.port = static_cast<uint16_t>(port);
    const uint64_t timeout_ms = reader.varint();
    probe.timeout_ms = static_cast<int64_t>(
        std::clamp<uint64_t>(timeout_ms, 1, static_cast<uint64_t>(kMaxProbeTimeoutMs)));
  }
  if (!reader.ok() || !reader.at_end()) return malformed("is cut short, or goes on");
  return probes;
}

std::string encode_outcomes(const std::vector<Outcome>& outcomes) {
  std::string out;
  base::put_u8(out, kFormat);
  for (const Outcome outcome : outcomes) base::put_u8(out, static_cast<uint8_t>(outcome));
  return out;
}

base::Result<std::vector<Outcome>> decode_outcomes(std::string_view bytes, size_t count) {
  base::ByteReader reader(bytes);
  if (reader.u8() != kFormat) return malformed("has a format that this release does not read");
  std::vector<Outcome> outcomes(count);
  for (Outcome& outcome : outcomes) {
    const uint8_t said = reader.u8();
    if (said > static_cast<uint8_t>(Outcome::kUntested)) return malformed("has no such outcome");
    outcome = static_cast<Outcome>(said);
  }
  if (!reader.ok() || !reader.at_end()) return malformed("is cut short, or goes on");
  return outcomes;
}

}  // namespace callbook::peer
