#pragma once

#include <string_view>

namespace callbook {

/// The version of the library that the program runs with, as in "0.2.0".
std::string_view version();

}  // namespace callbook
