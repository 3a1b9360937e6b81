#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace callbook::core {

/// What a provider says of an instance of its own: a facet with a kind of writer of its own, that
/// travels as a section of the instance's record (kStatusSection). The numbers are stored; do not
/// reuse them.
enum class ProviderState : uint8_t {
  kUp = 0,
  kStarting = 1,  ///< not ready yet, for the first time
  kNotReady = 2,  ///< lives, but can't serve for now
  kFailing = 3,   ///< something is wrong with it
};

inline constexpr uint8_t kProviderStateCount = 4;

struct ProviderStatus {
  ProviderState state = ProviderState::kUp;
  std::string text;  ///< for people
  bool operator==(const ProviderStatus&) const = default;
};

/// Of one service, by instance id: those that say anything but `up`, or say it with a text.
using Statuses = std::map<std::string, ProviderStatus, std::less<>>;

/// The name that the native API uses: "not_ready".
std::string_view name_of(ProviderState state);
std::optional<ProviderState> provider_state_from(std::string_view name);

/// As it is stored (docs/formats/records.md).
std::string encode(const ProviderStatus& status);
/// Nothing for bytes that encode() could not have made.
std::optional<ProviderStatus> decode_status(std::string_view bytes);

}  // namespace callbook::core
