#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace callbook::node {

/// A boot number as logs, answers and event ids show it: short, and new at every start with near
/// certainty.
inline std::string boot_id_from(uint64_t boot) {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string id;
  for (int i = 0; i < 6; ++i, boot /= kDigits.size()) id += kDigits[boot % kDigits.size()];
  return id;
}

}  // namespace callbook::node
