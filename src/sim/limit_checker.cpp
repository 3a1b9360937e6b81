#include "sim/limit_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {

bool LimitChecker::asked_by_client(const RecordChange& change) const {
  const Truth& truth = evidence_.truth;
  if (change.session != kNobody) {
    // One that is known and superseded in one batch of the bus is what its node concludes.
    return !change.session_before.known && change.session_after.known &&
           !change.session_after.superseded;
  }
  if (!change.key_after.known || change.key_before.stamp == change.key_after.stamp) return false;
  const size_t author = evidence_.conditions.node_of(change.key_after.stamp.node);
  if (author != change.node) return false;
  const auto& operations = truth.key(change.key).operations;
  return std::any_of(operations.begin(), operations.end(), [&](OperationIndex index) {
    const Operation& operation = truth.operation(index);
    return operation.stamp == change.key_after.stamp && !operation.reasserted;
  });
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

void LimitChecker::on_step(size_t node, const core::Registry& registry, const core::Outputs& out,
                           const std::vector<RecordChange>& changes) {
  // What a node says of itself, against what it hears, is no client's change.
  const core::Registry::Counters& counters = registry.counters();
  const uint64_t said = counters.reasserted + counters.restated + counters.refuted;
  const bool by_itself = std::exchange(said_[node], said) != said;
  const size_t before = std::exchange(outbox_sizes_[node], registry.owed_changes());
  if (by_itself || before < evidence_.settings.limits.max_outbox || before >= outbox_sizes_[node])
    return;
  for (const RecordChange& change : changes) {
    if (!asked_by_client(change) || !newly_owed(out, change)) continue;
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
