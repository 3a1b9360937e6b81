#include "sdk/directory.h"

#include <utility>

namespace callbook::sdk {
namespace {

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

}  // namespace

std::vector<Change> Directory::take(SnapshotPart part) {
  std::vector<Change> changes;
  if (part.part <= 1) {
    incoming_.emplace();
    incoming_->emptiness = std::move(part.empty);
  } else if (!incoming_) {
    contradict();  // its beginning is missing
    return changes;
  }
  for (Instance& instance : part.instances) {
    incoming_->list.put(std::make_shared<const Instance>(std::move(instance)));
  }
  if (part.digest) settle(*part.digest, changes);
  return changes;
}

std::vector<Change> Directory::take(Delta delta) {
  std::vector<Change> changes;
  if (incoming_) {
    std::vector<Change> unreported;  // the whole snapshot will be compared with the former list
    apply(delta, incoming_->list, unreported);
  } else {
    whole_ = false;
    apply(delta, list_, changes);
  }
  if (delta.digest) settle(*delta.digest, changes);
  return changes;
}

void Directory::apply(Delta& delta, InstanceList& list, std::vector<Change>& changes) const {
  for (Delta::Put& put : delta.put) {
    auto instance = std::make_shared<const Instance>(std::move(put.instance));
    const InstancePtr former = list.put(instance);
    if (former && *former == *instance) continue;
    const auto kind = former ? Change::Kind::kChanged : Change::Kind::kCame;
    changes.push_back({kind, std::move(instance), std::move(put.cause)});
  }
  for (Delta::Gone& gone : delta.gone) {
    InstancePtr former = list.erase(gone.id);
    if (!former) continue;  // it came and left between two events
    changes.push_back({Change::Kind::kLeft, std::move(former), std::move(gone.cause)});
  }
  for (Delta::NewState& state : delta.states) {
    const InstancePtr former = list.find(state.id);
    if (!former || former->state == state.state) continue;
    Instance changed = *former;
    changed.state = std::move(state.state);
    auto instance = std::make_shared<const Instance>(std::move(changed));
    list.put(instance);
    changes.push_back({Change::Kind::kChanged, std::move(instance), std::move(state.cause)});
  }
}

void Directory::settle(uint64_t digest, std::vector<Change>& changes) {
  const InstanceList& candidate = incoming_ ? incoming_->list : list_;
  if (candidate.digest() != digest) {
    contradict();
    return;
  }
  if (incoming_) {
    append_difference(list_, incoming_->list, common_cause(incoming_->emptiness), changes);
    list_ = std::move(incoming_->list);
    emptiness_ = std::move(incoming_->emptiness);
    incoming_.reset();
  }
  if (!list_.empty()) emptiness_.reset();
  known_ = true;
  whole_ = true;
  mismatch_ = false;
}

void Directory::contradict() {
  incoming_.reset();
  whole_ = false;
  mismatch_ = true;
}

}  // namespace callbook::sdk
