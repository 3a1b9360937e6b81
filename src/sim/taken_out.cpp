#include "sim/taken_out.h"

#include <variant>

namespace callbook::sim {

void TakenOut::begin_step(size_t node, const core::Input& input) {
  asked_ = holder_ = kNobody;
  const auto* out = std::get_if<core::DeregisterInstance>(&input);
  if (out == nullptr || out->by.empty()) return;
  const auto service = truth_.find_service(out->key.service);
  const auto key = service ? truth_.find_key(*service, out->key.id) : std::nullopt;
  if (!key) return;
  asked_ = *key;
  const SessionIndex holder = records_.holder_of(node, *key);
  const SessionIndex last = records_.key(node, *key).session;
  lost_ = last != kNobody && (holder == kNobody || records_.session(node, last).liveness.ended);
  if (holder == kNobody) return;
  const ProcessNumber process = truth_.session(holder).process;
  if (settings_.names_process(process)) holder_ = process;
}

void TakenOut::end_step(size_t node, bool accepted) {
  if (asked_ == kNobody || !accepted) return;
  const std::pair said{asked_, records_.override_of(node, asked_).stamp};
  said_[said] = holder_;
  if (lost_) unsure_.insert(said);
}

bool TakenOut::is_about(KeyIndex key, core::Stamp stamp, ProcessNumber process) const {
  if (is_unsure(key, stamp)) return true;
  const ProcessNumber named = meant(key, stamp);
  if (named == kNobody || named == process) return true;
  // An instance with a TTL of its own says nothing of its process.
  const auto& sessions = truth_.process(process).sessions;
  return sessions.empty() || !settings_.names_process(process);
}

bool TakenOut::keeps_out(size_t node, KeyIndex key, ProcessNumber process) const {
  const OverrideFacts& said = records_.override_of(node, key);
  if (!said.known || !said.set || !is_exclusion(key, said.stamp)) return false;
  return is_about(key, said.stamp, process);
}

}  // namespace callbook::sim
