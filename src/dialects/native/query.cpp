#include "dialects/native/query.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "net/percent.h"

namespace callbook::native {

base::Result<Query> Query::parse(std::string_view text) {
  auto pairs = net::split_query(text);
  if (!pairs.ok()) return pairs.error();
  Query query;
  for (auto& [name, value] : *pairs) {
    query.parameters_.push_back({std::move(name), std::move(value), false});
  }
  return query;
}

base::Result<std::optional<std::string>> Query::take(std::string_view name) {
  std::optional<std::string> found;
  for (Parameter& parameter : parameters_) {
    if (parameter.name != name) continue;
    if (found) return base::invalid(name, "is given twice");
    found = std::move(parameter.value);
    parameter.taken = true;
  }
  return found;
}

bool Query::has(std::string_view name) const {
  return std::any_of(parameters_.begin(), parameters_.end(),
                     [&](const Parameter& parameter) { return parameter.name == name; });
}

std::string Query::first(std::string_view name) const {
  for (const Parameter& parameter : parameters_) {
    if (parameter.name == name) return parameter.value;
  }
  return {};
}

std::vector<std::string> Query::take_all(std::string_view name) {
  std::vector<std::string> found;
  for (Parameter& parameter : parameters_) {
    if (parameter.name != name) continue;
    found.push_back(std::move(parameter.value));
    parameter.taken = true;
  }
  return found;
}

std::vector<std::pair<std::string, std::string>> Query::take_prefixed(std::string_view prefix) {
  std::vector<std::pair<std::string, std::string>> found;
  for (Parameter& parameter : parameters_) {
    if (!parameter.name.starts_with(prefix)) continue;
    found.emplace_back(parameter.name.substr(prefix.size()), std::move(parameter.value));
    parameter.taken = true;
  }
  return found;
}

base::Status Query::finish() const {
  for (const Parameter& parameter : parameters_) {
    if (!parameter.taken) {
      return base::invalid(parameter.name,
                           fmt::format("unknown query parameter '{}'", parameter.name));
    }
  }
  return {};
}

base::Result<int64_t> parse_duration_ms(std::string_view field, std::string_view text,
                                        int64_t most_ms) {
  struct Unit {
    std::string_view suffix;
    int64_t ms;
  };
  constexpr std::array<Unit, 4> kUnits{{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error != std::errc() || number < 0) {
    return base::invalid(field, "expected a duration such as 500ms, 30s or 2m");
  }
  for (const Unit& unit : kUnits) {
    if (suffix != unit.suffix) continue;
    if (number > most_ms / unit.ms) {
      return base::over_limit(field, fmt::format("is {}; the most is {} ms", text, most_ms),
                              most_ms);
    }
    return number * unit.ms;
  }
  return base::invalid(field, "expected a duration such as 500ms, 30s or 2m");
}

base::Result<uint64_t> parse_count(std::string_view field, std::string_view text, uint64_t most) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    return base::invalid(field, "expected a whole number above 0");
  }
  if (number > most) {
    return base::over_limit(field, fmt::format("is {}; the most is {}", number, most),
                            static_cast<int64_t>(most));
  }
  return number;
}

}  // namespace callbook::native
