#include "core/service_view.h"

namespace callbook::core {

std::string text_of(Cause cause, const Overrides* overrides, std::string_view id) {
  std::string text(name_of(cause));
  if (cause != Cause::kOverride && cause != Cause::kOverrideRemoved) return text;
  if (overrides == nullptr) return text;
  const auto said = overrides->find(id);
  if (said == overrides->end()) return text;
  text += " by " + said->second.by;
  if (!said->second.reason.empty()) text += ": " + said->second.reason;
  return text;
}

RetireBin::~RetireBin() {
  // A long chain must not be freed by recursion: take over each follower that nobody else holds.
  std::shared_ptr<RetireBin> next = std::move(next_);
  while (next && next.use_count() == 1) {
    std::shared_ptr<RetireBin> after = std::move(next->next_);
    next = std::move(after);
  }
}

}  // namespace callbook::core
