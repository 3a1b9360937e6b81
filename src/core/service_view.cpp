#include "core/service_view.h"

namespace callbook::core {

RetireBin::~RetireBin() {
  // A long chain must not be freed by recursion: take over each follower that nobody else holds.
  std::shared_ptr<RetireBin> next = std::move(next_);
  while (next && next.use_count() == 1) {
    std::shared_ptr<RetireBin> after = std::move(next->next_);
    next = std::move(after);
  }
}

}  // namespace callbook::core
