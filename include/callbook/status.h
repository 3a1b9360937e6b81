#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace callbook {

/// What a provider says of its own instance. Consumers call it only while it is kUp.
enum class Status : uint8_t {
  kStarting,  ///< it does not serve yet
  kUp,
  kNotReady,  ///< it does not serve for a while
  kFailing    ///< something is wrong with it
};

/// "starting", "up", "not_ready", "failing".
std::string_view name_of(Status status);

/// A status, and for people why. Value type.
struct ProviderStatus {
  Status status = Status::kUp;
  std::string text = {};

  bool operator==(const ProviderStatus&) const = default;
};

/// What an operator has done to take an instance out: it is not listed, whatever its provider says,
/// until that is undone (`callbook restore`) or another process registers its id. Value type.
struct Withdrawal {
  std::string action = {};  ///< "drain" or "deregister"
  std::string by = {};      ///< the operator
  std::string reason = {};  ///< empty: none was given

  bool operator==(const Withdrawal&) const = default;
};

}  // namespace callbook
