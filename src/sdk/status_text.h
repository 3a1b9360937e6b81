#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace callbook::sdk {

/// The registry's limit of the text beside a status.
inline constexpr size_t kMaxStatusTextBytes = 512;

/// `text` as the registry takes it, whatever it was: cut between characters, and what is not
/// printable escaped. An exception's message must not be the reason that its status is refused.
std::string status_text(std::string_view text);

}  // namespace callbook::sdk
