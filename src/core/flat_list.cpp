#include "core/flat_list.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::core {
namespace {

template <typename Pair>
base::Status sort_unique(std::vector<Pair>& pairs, std::string_view field) {
  const auto by_name = [](const Pair& a, const Pair& b) { return a.first < b.first; };
  if (!std::is_sorted(pairs.begin(), pairs.end(), by_name)) {
    std::sort(pairs.begin(), pairs.end(), by_name);
  }
  const auto twin = std::adjacent_find(
      pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.first == b.first; });
  if (twin == pairs.end()) return {};
  return base::invalid(fmt::format("{}.{}", field, twin->first), "is given twice");
}

}  // namespace

base::Result<Metadata> Metadata::from(std::vector<Pair> pairs) {
  if (auto status = sort_unique(pairs, "metadata"); !status.ok()) return status.error();
  Metadata made;
  size_t size = 0;
  for (const auto& [name, value] : pairs) size += name.size() + value.size() + 4;
  made.bytes_.reserve(size);
  for (const auto& [name, value] : pairs) {
    base::put_string(made.bytes_, name);
    base::put_string(made.bytes_, value);
  }
  return made;
}

base::Result<NamedPorts> NamedPorts::from(std::vector<Pair> pairs) {
  if (auto status = sort_unique(pairs, "ports"); !status.ok()) return status.error();
  NamedPorts made;
  for (const auto& [name, port] : pairs) {
    base::put_string(made.bytes_, name);
    base::put_varint(made.bytes_, port);
  }
  return made;
}

}  // namespace callbook::core
