#include "core/session_table.h"

#include "base/check.h"

namespace callbook::core {

Session* SessionTable::find(const SessionId& id) {
  const auto found = slot_of_.find(id);
  return found == slot_of_.end() ? nullptr : &slots_[found->second];
}

uint32_t SessionTable::slot_for(const SessionId& id) {
  const auto [place, added] = slot_of_.try_emplace(id, 0);
  if (!added) return place->second;
  if (free_.empty()) {
    place->second = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    place->second = free_.back();
    free_.pop_back();
  }
  slots_[place->second].id = id;
  return place->second;
}

uint32_t SessionTable::slot_of(const Session& session) const {
  return slot_of_.at(session.id);
}

void SessionTable::forget(uint32_t slot) {
  Session& session = slots_[slot];
  CALLBOOK_CHECK(session.instances.empty() && session.lease == kNoSlot);
  set_state(session, Session::State::kUnknown);
  slot_of_.erase(session.id);
  session = Session();
  free_.push_back(slot);
}

void SessionTable::set_state(Session& session, Session::State state) {
  if (session.state == Session::State::kOpen) --open_count_;
  if (state == Session::State::kOpen) ++open_count_;
  session.state = state;
}

void SessionTable::add_instance(uint32_t slot, const Instance& instance) {
  auto& instances = slots_[slot].instances;
  instance.holder_slot = slot;
  instance.holder_position = static_cast<uint32_t>(instances.size());
  instances.push_back(&instance);
}

void SessionTable::remove_instance(uint32_t slot, const Instance& instance) {
  auto& instances = slots_[slot].instances;
  const uint32_t position = instance.holder_position;
  CALLBOOK_CHECK(position < instances.size() && instances[position] == &instance);
  instances[position] = instances.back();
  instances[position]->holder_position = position;
  instances.pop_back();
}

}  // namespace callbook::core
