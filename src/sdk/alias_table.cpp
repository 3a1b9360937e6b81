#include "sdk/alias_table.h"

#include <numeric>

#include "base/check.h"

namespace callbook::sdk {

AliasTable::AliasTable(const std::vector<uint32_t>& weights) : columns_(weights.size()) {
  const uint64_t count = weights.size();
  const uint64_t total = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
  if (total == 0) return;
  CALLBOOK_CHECK(count <= UINT32_MAX && count <= UINT64_MAX / total);

  // In units in which a column holds `total`, and all of them together what the weights come to:
  // whole numbers, so that nothing is lost or left over.
  std::vector<uint64_t> left(count);
  std::vector<uint32_t> small;
  std::vector<uint32_t> large;
  for (uint32_t i = 0; i < count; ++i) {
    left[i] = weights[i] * count;
    columns_[i] = {0, i};
    (left[i] < total ? small : large).push_back(i);
  }
  const double scale = 0x1p32 / static_cast<double>(total);
  while (!small.empty() && !large.empty()) {
    const uint32_t poor = small.back();
    const uint32_t rich = large.back();
    small.pop_back();
    columns_[poor] = {static_cast<uint32_t>(static_cast<double>(left[poor]) * scale), rich};
    left[rich] -= total - left[poor];
    if (left[rich] < total) {
      large.pop_back();
      small.push_back(rich);
    }
  }
}

}  // namespace callbook::sdk
