#include "core/watch_cursor.h"

#include "base/check.h"

namespace callbook::core {

WatchCursor WatchCursor::at_version(uint64_t version) {
  WatchCursor cursor;
  cursor.state_ = State::kAt;
  cursor.version_ = version;
  return cursor;
}

WatchCursor WatchCursor::with_digest(uint64_t digest) {
  WatchCursor cursor;
  cursor.state_ = State::kDigest;
  cursor.version_ = digest;
  return cursor;
}

Owed WatchCursor::owed(const ServiceView* view) {
  if (state_ == State::kDigest) {
    const bool same = version_ == (view == nullptr ? 0 : view->digest);
    *this = same ? at_version(view == nullptr ? 0 : view->version) : blank();
  }
  if (view == nullptr) {
    // Unknown services have no instances. Who knew it may have been too slow to be told that it
    // emptied, before it was forgotten.
    const bool knows = state_ == State::kAt && version_ == 0;
    return knows ? Owed{} : Owed{Owed::Kind::kSnapshot, true, true, {}, 0};
  }
  const bool behind_window = version_ < view->window.floor();
  if (state_ == State::kPartial && behind_window) *this = blank();
  if (state_ == State::kAt) {
    if (version_ >= view->version) return {};
    // A list that emptied goes as one empty snapshot with its causes.
    if (!behind_window && !view->list.empty()) {
      return {Owed::Kind::kDelta, false, true, {}, version_};
    }
    *this = blank();
  }
  if (state_ == State::kPartial) {
    if (view->version != version_) mixed_ = true;
    return {Owed::Kind::kSnapshot, false, !mixed_, after_, 0};
  }
  return {Owed::Kind::kSnapshot, true, true, {}, 0};
}

void WatchCursor::sent_snapshot(const ServiceView* view, std::string_view last, bool end) {
  if (view == nullptr) {
    *this = at_version(0);
    return;
  }
  if (state_ == State::kBlank) {
    version_ = view->version;
    mixed_ = false;
  }
  if (!end) {
    state_ = State::kPartial;
    after_ = last;
    return;
  }
  // Mixed parts are not whole yet: the delta from the first part's version is owed, and is due
  // because the view has moved on.
  *this = at_version(version_);
}

void WatchCursor::sent_delta(const ServiceView& view, uint64_t to) {
  CALLBOOK_CHECK(state_ == State::kAt && to > version_ && to <= view.version);
  version_ = to;
}

}  // namespace callbook::core
