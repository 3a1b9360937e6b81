#include "sdk/directory.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "sdk/list_doubt.h"

namespace callbook::sdk {
namespace {

constexpr const char* kOtherDigest = "it does not agree with its digest";
constexpr const char* kTooLong = "it is longer than any list";

/// The cause by which everyone left, where there was only one.
std::string common_cause(const std::optional<Emptiness>& emptiness) {
  if (!emptiness || emptiness->causes.size() != 1) return {};
  return emptiness->causes.begin()->first;
}

/// Appends what leads from `before` to `after`, in the order of the ids.
void append_difference(const InstanceList& before, const InstanceList& after,
                       const std::string& cause_of_leaving, std::vector<Change>& changes) {
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    const bool left =
        now == after.end() || (old != before.end() && old->instance->id < now->instance->id);
    const bool came = !left && (old == before.end() || now->instance->id < old->instance->id);
    if (left) {
      changes.push_back({Change::Kind::kLeft, (old++)->instance, cause_of_leaving});
    } else if (came) {
      changes.push_back({Change::Kind::kCame, (now++)->instance, {}});
    } else {
      if (*old->instance != *now->instance) {
        changes.push_back({Change::Kind::kChanged, now->instance, {}});
      }
      ++old;
      ++now;
    }
  }
}

/// Whether the delta speaks of an id twice.
bool has_duplicates(const Delta& delta) {
  std::vector<std::string_view> ids;
  ids.reserve(delta.put.size() + delta.gone.size() + delta.states.size());
  for (const Delta::Put& put : delta.put) ids.emplace_back(put.instance.id);
  for (const Delta::Gone& gone : delta.gone) ids.emplace_back(gone.id);
  for (const Delta::NewState& state : delta.states) ids.emplace_back(state.id);
  std::sort(ids.begin(), ids.end());
  return std::adjacent_find(ids.begin(), ids.end()) != ids.end();
}

void add(Skipped& sum, Skipped more) {
  if (sum.count == 0) sum.why = std::move(more.why);
  sum.count += more.count;
}

}  // namespace

void Directory::restore(InstanceList list, Source source) {
  CALLBOOK_CHECK(source_ == Source::kNone && !incoming_ && staged_.empty());
  list_ = std::move(list);
  source_ = source;
  known_ = true;
}

std::vector<Change> Directory::take(SnapshotPart part) {
  dropped_ = false;
  const std::optional<uint64_t> digest = part.digest;
  if (part.part == 1) {
    incoming_.emplace();
    incoming_->emptiness = std::move(part.empty);
    staged_.clear();
  } else if (!incoming_ || part.part == 0) {
    contradict("a part came without its beginning");
    return {};
  }
  incoming_->list.set_largest(part.largest);
  if (!extend(*incoming_, part)) {
    contradict("its ids are not in order");
    return {};
  }
  if (incoming_->list.size() > kMaxInstances) {
    contradict(kTooLong);
    return {};
  }
  if (!digest) return {};
  return settle_snapshot(*digest);
}

std::vector<Change> Directory::take(Delta delta) {
  dropped_ = false;
  const std::optional<uint64_t> digest = delta.digest;
  if (has_duplicates(delta)) {
    contradict("a change speaks of an id twice");
    return {};
  }
  if (incoming_) {
    std::vector<Change> unreported;  // the whole snapshot will be compared with the former list
    Undo unneeded;
    apply(delta, incoming_->list, unreported, unneeded);
    incoming_->list.set_largest(delta.largest);
    add(incoming_->skipped, std::move(delta.skipped));
    if (!digest) return {};
    return settle_snapshot(*digest);
  }
  staged_records_ = staged_.empty() ? 0 : staged_records_;
  staged_records_ += 1 + delta.put.size() + delta.gone.size() + delta.states.size();
  staged_.push_back(std::move(delta));
  if (staged_records_ > kMaxInstances) {
    contradict(kTooLong);
    return {};
  }
  if (!digest) return {};
  return settle_deltas(*digest);
}

void Directory::confirmed() {
  const bool unfinished = incoming_ || !staged_.empty();
  if (!can_resume() || unfinished || refused_on_this_stream_) return;
  source_ = Source::kRegistry;
  proven_ = true;
  refused_ = false;
  may_be_forgotten_ = false;
  opinions_ = 0;
}

void Directory::stream_lost() {
  incoming_.reset();
  staged_.clear();
  refused_on_this_stream_ = false;
}

/// Instances come in the order of their ids, over all parts, so none comes twice.
bool Directory::extend(Incoming& incoming, SnapshotPart& part) {
  for (Instance& instance : part.instances) {
    const bool first = incoming.last_id.empty();
    if (!first && instance.id <= incoming.last_id) return false;
    incoming.last_id = instance.id;
    incoming.list.put(std::make_shared<const Instance>(std::move(instance)));
  }
  add(incoming.skipped, std::move(part.skipped));
  return true;
}

void Directory::apply(Delta& delta, InstanceList& list, std::vector<Change>& changes, Undo& undo) {
  for (Delta::Put& put : delta.put) {
    auto instance = std::make_shared<const Instance>(std::move(put.instance));
    const InstancePtr former = list.put(instance);
    undo.emplace_back(instance->id, former);
    if (former && *former == *instance) continue;
    const auto kind = former ? Change::Kind::kChanged : Change::Kind::kCame;
    changes.push_back({kind, std::move(instance), std::move(put.cause)});
  }
  for (Delta::Gone& gone : delta.gone) {
    InstancePtr former = list.erase(gone.id);
    if (!former) continue;  // it came and left between two events
    undo.emplace_back(gone.id, former);
    changes.push_back({Change::Kind::kLeft, std::move(former), std::move(gone.cause)});
  }
  for (Delta::NewState& state : delta.states) {
    const InstancePtr former = list.find(state.id);
    if (!former || former->state == state.state) continue;
    Instance changed = *former;
    changed.state = std::move(state.state);
    auto instance = std::make_shared<const Instance>(std::move(changed));
    undo.emplace_back(state.id, list.put(instance));
    changes.push_back({Change::Kind::kChanged, std::move(instance), std::move(state.cause)});
  }
}

std::vector<Change> Directory::settle_snapshot(uint64_t digest) {
  Incoming incoming = std::move(*incoming_);
  incoming_.reset();
  if (incoming.list.digest() != digest && incoming.skipped.count == 0) {
    contradict(kOtherDigest);
    return {};
  }
  if (!is_believable(incoming)) return {};
  std::vector<Change> changes;
  append_difference(list_, incoming.list, common_cause(incoming.emptiness), changes);
  list_ = std::move(incoming.list);
  emptiness_ = std::move(incoming.emptiness);
  skipped_ = 0;
  accept(digest, std::move(incoming.skipped));
  return changes;
}

/// Refuses what is not.
bool Directory::is_believable(const Incoming& incoming) {
  const size_t held = list_.size();
  const size_t now = incoming.list.size();
  if (!is_collapse(held, now)) return true;
  if (now == 0 && incoming.skipped.count > 0) {
    refuse(fmt::format("none of its {} records can be read: {}", incoming.skipped.count,
                       incoming.skipped.why));
    return false;
  }
  if (may_be_forgotten_) return true;
  if (now == 0) {
    std::string doubt = doubt_about_emptiness(incoming.emptiness, held);
    if (doubt.empty()) return true;
    refuse(std::move(doubt));
    return false;
  }
  if (!refused_on_this_stream_) ++opinions_;
  if (opinions_ >= kOpinions) return true;
  refuse(fmt::format("of {} instances {} are left, without causes", held, now));
  return false;
}

std::vector<Change> Directory::settle_deltas(uint64_t digest) {
  const size_t held = list_.size();
  std::vector<Change> changes;
  Undo undo;
  Skipped skipped;
  const uint64_t largest = staged_.back().largest;
  for (Delta& delta : std::exchange(staged_, {})) {
    apply(delta, list_, changes, undo);
    add(skipped, std::move(delta.skipped));
  }
  const auto undo_all = [&] {
    for (auto last = undo.rbegin(); last != undo.rend(); ++last) {
      if (last->second) {
        list_.put(std::move(last->second));
      } else {
        list_.erase(last->first);
      }
    }
    changes.clear();
  };
  const auto unexplained = std::find_if(changes.begin(), changes.end(), [](const Change& change) {
    return change.kind == Change::Kind::kLeft && !is_removal_cause(change.cause);
  });
  if (list_.digest() + lacking_ != digest && list_.digest() != digest && skipped.count == 0) {
    undo_all();
    contradict(kOtherDigest);
  } else if (is_collapse(held, list_.size()) && unexplained != changes.end()) {
    refuse(fmt::format("of {} instances {} are left, and of {} the cause is '{}'", held,
                       list_.size(), unexplained->instance->id, unexplained->cause));
    undo_all();
  } else {
    emptiness_.reset();
    list_.set_largest(largest);
    accept(digest, std::move(skipped));
  }
  return changes;
}

void Directory::accept(uint64_t digest, Skipped skipped) {
  lacking_ = digest - list_.digest();
  proven_ = lacking_ == 0;
  impaired_ = !proven_;
  known_ = known_ || proven_;
  if (skipped.count > 0) complaint_ = std::move(skipped.why);
  skipped_ = proven_ ? 0 : skipped_ + skipped.count;
  if (proven_) complaint_.clear();
  if (!list_.empty()) emptiness_.reset();
  source_ = Source::kRegistry;
  mismatch_ = false;
  refused_ = false;
  may_be_forgotten_ = false;
  opinions_ = 0;
}

void Directory::contradict(std::string why) {
  incoming_.reset();
  staged_.clear();
  proven_ = false;
  mismatch_ = true;
  dropped_ = true;
  complaint_ = std::move(why);
}

void Directory::refuse(std::string why) {
  incoming_.reset();
  staged_.clear();
  refused_ = true;
  dropped_ = true;
  refused_on_this_stream_ = true;
  complaint_ = std::move(why);
}

}  // namespace callbook::sdk
