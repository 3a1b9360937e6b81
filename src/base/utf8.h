#pragma once

#include <cstddef>
#include <string_view>

namespace callbook::base {

/// Bytes of the UTF-8 sequence that begins at `at`, or 0 if it is malformed: too short, overlong, a
/// surrogate, or above U+10FFFF. REQUIRES at < text.size().
size_t utf8_sequence(std::string_view text, size_t at);

}  // namespace callbook::base
