#include "sim/evidence.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {

std::string_view name_of(Rule rule) {
  switch (rule) {
    case Rule::kSessionMoved:
      return "session_moved";
    case Rule::kSessionTakenOver:
      return "session_taken_over";
    case Rule::kSuperseded:
      return "superseded";
    case Rule::kReasserted:
      return "reasserted";
    case Rule::kRestated:
      return "restated";
    case Rule::kRefuted:
      return "refuted";
    case Rule::kUnchanged:
      return "unchanged_registration";
    case Rule::kTombstoneAged:
      return "tombstone_aged";
    case Rule::kOutboxFull:
      return "outbox_full";
    case Rule::kAppliedNotLogged:
      return "applied_not_logged";
    case Rule::kLateJoin:
      return "late_join";
    case Rule::kServedStale:
      return "served_stale";
    case Rule::kResumedById:
      return "resumed_by_id";
    case Rule::kResumedByDigest:
      return "resumed_by_digest";
    case Rule::kSnapshotInParts:
      return "snapshot_in_parts";
    case Rule::kBootChanged:
      return "boot_changed";
    case Rule::kToldDirectly:
      return "told_directly";
    case Rule::kListEmptied:
      return "list_emptied";
    case Rule::kTakenOut:
      return "taken_out";
    case Rule::kKeptOut:
      return "kept_out";
    case Rule::kTakenOutReplaced:
      return "taken_out_replaced";
    case Rule::kExclusionEnded:
      return "exclusion_ended";
    case Rule::kStatusSaid:
      return "status_said";
    case Rule::kStatusShown:
      return "status_shown";
    case Rule::kStatusStood:
      return "status_stood";
    case Rule::kLapseDown:
      return "lapse_down";
    case Rule::kLapseRemoved:
      return "lapse_removed";
    case Rule::kMuteNoticed:
      return "mute_noticed";
    case Rule::kCount:
      break;
  }
  return "unknown";
}

std::string seconds(int64_t ms) {
  return fmt::format("{:.3f} s", static_cast<double>(ms) / 1000);
}

void Evidence::fail(Finding finding) {
  if (failed()) return;
  const std::string where =
      finding.node < node_count() ? fmt::format(" at {}", conditions.name(finding.node)) : "";
  failure_ = fmt::format("{}: {}{}, at {:.3f} s", finding.checker, finding.text, where,
                         static_cast<double>(now_ms()) / 1000);
  focus_ = std::move(finding.focus);
}

std::string Evidence::text_of(KeyIndex key) const {
  const core::InstanceKey& named = truth.key(key).key;
  return fmt::format("{}/{}", named.service.name, named.id);
}

std::string Evidence::text_of(core::Stamp stamp) const {
  return fmt::format("{}.{}@{:x}", stamp.wall_ms(), stamp.hlc & 0xFFFF, stamp.node);
}

Focus Evidence::focus_on(KeyIndex key) const {
  Focus focus;
  focus.keys.push_back(key);
  // The latest claims are enough: a key that lives long has had many sessions.
  constexpr size_t kMost = 4;
  const auto& operations = truth.key(key).operations;
  for (auto it = operations.rbegin(); it != operations.rend(); ++it) {
    const Operation& operation = truth.operation(*it);
    if (operation.session == kNobody || focus.sessions.size() >= kMost) continue;
    auto& sessions = focus.sessions;
    if (std::find(sessions.begin(), sessions.end(), operation.session) != sessions.end()) continue;
    sessions.push_back(operation.session);
  }
  return focus;
}

Focus Evidence::focus_on_session(SessionIndex session) const {
  Focus focus;
  focus.sessions.push_back(session);
  focus.processes.push_back(truth.session(session).process);
  focus.keys = truth.session(session).keys;
  return focus;
}

OperationIndex Evidence::registration(KeyIndex key, std::optional<uint32_t> rev, core::Stamp stamp,
                                      SessionIndex session) {
  const size_t node = conditions.node_of(stamp.node);
  const OperationIndex maker =
      truth.maker_of(key, Operation::Kind::kRegister, rev, stamp, node, session);
  if (maker != kNobody || !rev) return maker;
  const OperationIndex restated = truth.restated(key, *rev, stamp, node, session);
  if (restated != kNobody) count(Rule::kRestated);
  return restated;
}

const core::SessionId* speaker_of(const core::Input& input) {
  if (const auto* opened = std::get_if<core::OpenSession>(&input)) return &opened->id;
  if (const auto* resumed = std::get_if<core::ResumeSession>(&input)) return &resumed->id;
  if (const auto* refreshed = std::get_if<core::RefreshSession>(&input)) return &refreshed->id;
  if (const auto* attached = std::get_if<core::AttachSession>(&input)) return &attached->id;
  return nullptr;
}

}  // namespace callbook::sim
