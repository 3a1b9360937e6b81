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

std::string encode(const ProviderStatus& status) {
  std::string out;
  base::put_u8(out, static_cast<uint8_t>(status.state));
  base::put_string(out, status.text);
  return out;
}

std::optional<ProviderStatus> decode_status(std::string_view bytes) {
  base::ByteReader reader(bytes);
  const uint8_t state = reader.u8();
  ProviderStatus read;
  read.text = reader.string();
  if (!reader.ok() || !reader.at_end() || state >= kProviderStateCount) return std::nullopt;
  read.state = static_cast<ProviderState>(state);
  return read;
}

}  // namespace callbook::core
