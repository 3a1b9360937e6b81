#include "core/delta_window.h"

#include <tuple>

namespace callbook::core {

std::vector<LastChange> last_changes(const DeltaWindow& window, uint64_t from) {
  std::vector<LastChange> all;
  window.for_each_after(from, [&](const Change& change) { all.push_back({&change, change.kind}); });
  if (all.size() < 2) return all;
  std::sort(all.begin(), all.end(), [](const LastChange& a, const LastChange& b) {
    return std::tie(a.change->id, b.change->version) < std::tie(b.change->id, a.change->version);
  });
  std::vector<LastChange> last;
  for (const LastChange& one : all) {
    if (last.empty() || last.back().change->id != one.change->id) {
      last.push_back(one);
    } else if (last.back().kind == Change::Kind::kState) {
      last.back().kind = one.kind == Change::Kind::kState ? one.kind : Change::Kind::kPut;
    }
  }
  std::sort(last.begin(), last.end(), [](const LastChange& a, const LastChange& b) {
    return a.change->version < b.change->version;
  });
  return last;
}

}  // namespace callbook::core
