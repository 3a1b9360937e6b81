#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/result.h"

namespace callbook::native {

// Fields of JSON objects, typed and ranged. Errors name the field.

namespace ondemand = simdjson::ondemand;

base::Error malformed(simdjson::error_code code);
/// `out` borrows from the document's parser.
base::Status read_string(std::string_view field, ondemand::value value, std::string_view& out);
base::Status read_integer(std::string_view field, ondemand::value value, int64_t least,
                          int64_t most, int64_t& out);
base::Status read_bool(std::string_view field, ondemand::value value, bool& out);
base::Status read_true(std::string_view field, ondemand::value value);

/// Calls `visit(name, value)` for each field of `object`; refuses a name that comes twice among
/// the names that `index_of` knows (it gives each a number below 64, or -1). `within` is what the
/// object is called in errors.
template <typename IndexOf, typename Visit>
base::Status for_each_field(ondemand::object object, IndexOf&& index_of, Visit&& visit,
                            std::string_view within = {}) {
  uint64_t seen = 0;
  const auto refused = [&](std::string_view name, std::string detail) {
    if (within.empty()) return base::invalid(name, std::move(detail));
    return base::invalid(fmt::format("{}.{}", within, name), std::move(detail));
  };
  for (auto field : object) {
    std::string_view name;
    if (auto code = field.unescaped_key().get(name)) return malformed(code);
    ondemand::value value;
    if (auto code = field.value().get(value)) return malformed(code);
    const int index = index_of(name);
    if (index < 0) return refused(name, fmt::format("unknown field '{}'", name));
    const uint64_t bit = uint64_t{1} << index;
    if ((seen & bit) != 0) return refused(name, "is given twice");
    seen |= bit;
    if (auto status = visit(index, value); !status.ok()) return status;
  }
  return {};
}

template <size_t N>
auto index_in(const std::array<std::string_view, N>& names) {
  return [&names](std::string_view name) {
    for (size_t i = 0; i < N; ++i) {
      if (names[i] == name) return static_cast<int>(i);
    }
    return -1;
  };
}

}  // namespace callbook::native
