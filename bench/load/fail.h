#pragma once

#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

namespace callbook::load {

/// Ends the program: a measurement with anything unexpected in it is none. The driver shows the
/// message and fails the bench.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print(stderr, "load: {}\n", fmt::format(format, std::forward<Args>(args)...));
  std::exit(1);
}

}  // namespace callbook::load
