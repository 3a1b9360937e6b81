#include "core/service_view.h"

namespace callbook::core {

std::string text_of(Cause cause, const ServiceView& view, std::string_view id) {
  std::string text(name_of(cause));
  if (cause == Cause::kProviderStatus && view.statuses != nullptr) {
    const auto said = view.statuses->find(id);
    const bool explained = said != view.statuses->end() && !said->second.text.empty();
    return explained ? text + ": " + said->second.text : text;
  }
  if (cause != Cause::kOverride && cause != Cause::kOverrideRemoved) return text;
  if (view.overrides == nullptr) return text;
  const auto said = view.overrides->find(id);
  if (said == view.overrides->end()) return text;
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
