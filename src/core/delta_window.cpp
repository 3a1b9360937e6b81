#include "core/delta_window.h"

#include <tuple>

namespace callbook::core {

std::vector<LastChange> last_changes(const DeltaWindow& window, uint64_t from) {
  std::vector<LastChange> all;
  window.for_each_after(from, [&](const Change& change) {
    all.push_back({&change, change.kind, change.version});
  });
  if (all.size() < 2) return all;
  std::sort(all.begin(), all.end(), [](const LastChange& a, const LastChange& b) {
    return std::tie(a.change->id, b.version) < std::tie(b.change->id, a.version);
  });
  std::vector<LastChange> last;
  for (const LastChange& one : all) {
    if (last.empty() || last.back().change->id != one.change->id) {
      last.push_back(one);
    } else if (last.back().kind == Change::Kind::kState && one.kind != Change::Kind::kState) {
      last.back().kind = Change::Kind::kPut;
      last.back().version = one.version;
    }
  }
  std::sort(last.begin(), last.end(),
            [](const LastChange& a, const LastChange& b) { return a.version < b.version; });
  return last;
}

}  // namespace callbook::core
