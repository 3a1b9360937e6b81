#include "core/provider_status.h"

#include "base/encoding.h"

namespace callbook::core {

std::string_view name_of(ProviderState state) {
  switch (state) {
    case ProviderState::kUp:
      return "up";
    case ProviderState::kStarting:
      return "starting";
    case ProviderState::kNotReady:
      return "not_ready";
    case ProviderState::kFailing:
      return "failing";
  }
  return "unknown";
}

std::optional<ProviderState> provider_state_from(std::string_view name) {
  for (uint8_t value = 0; value < kProviderStateCount; ++value) {
    const auto state = static_cast<ProviderState>(value);
    if (name_of(state) == name) return state;
  }
  return std::nullopt;
}

std::string encode(const ProviderStatus& status, const SessionId& session) {
  std::string out;
  base::put_u8(out, static_cast<uint8_t>(status.state));
  base::put_string(out, status.text);
  base::put_u64(out, session.high);
  base::put_u64(out, session.low);
  return out;
}

std::optional<SaidStatus> decode_status(std::string_view bytes) {
  base::ByteReader reader(bytes);
  const uint8_t state = reader.u8();
  SaidStatus read;
  read.status.text = reader.string();
  read.session.high = reader.u64();
  read.session.low = reader.u64();
  if (!reader.ok() || state >= kProviderStateCount) return std::nullopt;
  read.status.state = static_cast<ProviderState>(state);
  return read;
}

}  // namespace callbook::core
