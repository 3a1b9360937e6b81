#include "sim/limit_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {

/// Whether the call asks for the change of just this record.
bool LimitChecker::asks_for(const core::Input& input, const RecordChange& change) const {
  const Truth& truth = evidence_.truth;
  if (const auto* opened = std::get_if<core::OpenSession>(&input)) {
    return change.session != kNobody && truth.session(change.session).id == opened->id &&
           !change.session_before.known;
  }
  const core::InstanceKey* named = nullptr;
  if (const auto* made = std::get_if<core::RegisterInstance>(&input)) named = &made->key;
  if (const auto* removed = std::get_if<core::DeregisterInstance>(&input)) named = &removed->key;
  if (named == nullptr || change.key == kNobody) return false;
  const core::InstanceKey& key = truth.key(change.key).key;
  return key.id == named->id && key.service == named->service &&
         change.key_before.stamp != change.key_after.stamp;
}

bool LimitChecker::names(std::string_view record_key, const RecordChange& change) const {
  const auto decoded = core::decode_record(record_key, {});
  if (!decoded.ok()) return false;
  if (const auto* session = std::get_if<core::SessionRecord>(&*decoded)) {
    return change.session != kNobody && evidence_.truth.session(change.session).id == session->id;
  }
  const auto* instance = std::get_if<core::InstanceRecord>(&*decoded);
  if (instance == nullptr || change.key == kNobody) return false;
  const core::InstanceKey& key = evidence_.truth.key(change.key).key;
  return key.id == instance->id && core::ServiceKeyView(key.service) == instance->service;
}

bool LimitChecker::newly_owed(const core::Outputs& out, const RecordChange& change) const {
  for (size_t i = 0; i < out.records.size(); ++i) {
    const core::RecordBatch::Item item = out.records[i];
    if (!core::is_private_key(item.key) || item.value.empty()) continue;
    const auto decoded = core::decode_record(item.key, item.value);
    if (!decoded.ok()) continue;
    const auto* owed = std::get_if<core::OwedRecord>(&*decoded);
    if (owed != nullptr && names(owed->key, change)) return true;
  }
  return false;
}

void LimitChecker::on_step(size_t node, const Step& step,
                           const std::vector<RecordChange>& changes) {
  const size_t before = std::exchange(outbox_sizes_[node], step.registry.owed_changes());
  const bool is_full = before >= evidence_.settings.limits.max_outbox;
  if (!step.accepted || !is_full || before >= outbox_sizes_[node]) return;
  for (const RecordChange& change : changes) {
    if (!asks_for(step.input, change) || !newly_owed(step.out, change)) continue;
    Finding finding;
    finding.checker = "limits";
    finding.node = node;
    finding.focus = change.key != kNobody ? evidence_.focus_on(change.key)
                                          : evidence_.focus_on_session(change.session);
    finding.text = fmt::format(
        "a change of {} was accepted, whose record was not owed to the bus before, although {} "
        "were, and the limit is {}",
        change.key != kNobody ? evidence_.text_of(change.key)
                              : fmt::format("session #{}", change.session),
        before, evidence_.settings.limits.max_outbox);
    return evidence_.fail(std::move(finding));
  }
}

void LimitChecker::finish() {
  const size_t most =
      size_t{evidence_.settings.limits.max_instances_per_session} * evidence_.node_count();
  for (size_t node = 0; node < evidence_.node_count(); ++node) {
    std::vector<size_t> carried(evidence_.truth.session_count());
    for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) {
      const KeyFacts& facts = evidence_.records.key(node, key);
      if (facts.known && facts.session != kNobody && evidence_.listings.find(node, key)) {
        ++carried[facts.session];
      }
    }
    const auto worst = std::max_element(carried.begin(), carried.end());
    if (worst == carried.end() || *worst <= most) continue;
    Finding finding;
    finding.checker = "limits";
    finding.node = node;
    finding.text = fmt::format("session #{} carries {} instances; {} could have been accepted",
                               worst - carried.begin(), *worst, most);
    evidence_.fail(std::move(finding));
  }
}

}  // namespace callbook::sim
