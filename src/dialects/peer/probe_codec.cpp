#include "dialects/peer/probe_codec.h"

#include <algorithm>

#include "dialects/peer/list_codec.h"

namespace callbook::peer {
namespace {

using Outcome = core::ProbeResult::Outcome;

constexpr std::string_view kWhat = "probe";

base::Status read_probe(base::ByteReader& reader, core::Probe& probe) {
  probe.address = reader.string();
  const uint64_t port = reader.varint();
  if (port == 0 || port > UINT16_MAX) return malformed(kWhat, "names no port");
  probe.port = static_cast<uint16_t>(port);
  const uint64_t timeout_ms = reader.varint();
  probe.timeout_ms = static_cast<int64_t>(
      std::clamp<uint64_t>(timeout_ms, 1, static_cast<uint64_t>(kMaxProbeTimeoutMs)));
  return {};
}

base::Status read_outcome(base::ByteReader& reader, Outcome& outcome) {
  const uint8_t said = reader.u8();
  if (said > static_cast<uint8_t>(Outcome::kUntested)) {
    return malformed(kWhat, "has no such outcome");
  }
  outcome = static_cast<Outcome>(said);
  return {};
}

}  // namespace

std::string encode_probes(const std::vector<core::Probe>& probes) {
  return encode_list(probes, [](std::string& out, const core::Probe& probe) {
    base::put_string(out, probe.address);
    base::put_varint(out, probe.port);
    base::put_varint(out, static_cast<uint64_t>(probe.timeout_ms));
  });
}

base::Result<std::vector<core::Probe>> decode_probes(std::string_view bytes) {
  return decode_list<core::Probe>(kWhat, bytes, kMaxProbes, read_probe);
}

std::string encode_outcomes(const std::vector<Outcome>& outcomes) {
  return encode_answers(outcomes, [](std::string& out, Outcome outcome) {
    base::put_u8(out, static_cast<uint8_t>(outcome));
  });
}

base::Result<std::vector<Outcome>> decode_outcomes(std::string_view bytes, size_t count) {
  return decode_answers<Outcome>(kWhat, bytes, count, read_outcome);
}

}  // namespace callbook::peer
