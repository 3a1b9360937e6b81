#include "sim/known_records.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/flat_list.h"
#include "core/provider_status.h"
#include "core/sections.h"
#include "sim/number.h"

namespace callbook::sim {
namespace {

constexpr size_t kDumpedAtOnce = 4'096;
const KeyFacts kNoKeyFacts;
const SessionFacts kNoSessionFacts;
const OverrideFacts kNoOverrideFacts;

/// What is said of an instance counts while the session that held it then holds it.
bool is_withheld(const core::InstanceRecord& record) {
  const auto section = core::find_section(record.sections, core::kStatusSection);
  const auto said = section ? core::decode_status(section->bytes) : std::nullopt;
  return said && said->session == record.body.holder.session &&
         said->status.state != core::ProviderState::kUp;
}

}  // namespace

std::optional<uint32_t> rev_of(std::string_view metadata) {
  std::optional<uint32_t> rev;
  core::for_each_metadata(metadata, [&](std::string_view name, std::string_view value) {
    if (name == "rev") rev = number_in(value);
  });
  return rev;
}

KnownRecords::KnownRecords(const Truth& truth, size_t nodes) : truth_(truth), nodes_(nodes) {}

void KnownRecords::node_started(size_t node) {
  nodes_[node] = Node();
}

const std::vector<RecordChange>& KnownRecords::take(size_t index,
                                                    const core::RecordBatch& records) {
  changes_.clear();
  override_changes_.clear();
  Node& node = nodes_[index];
  size_t first = records.size();
  while (first > 0 && records[first - 1].version > node.last_version) --first;
  for (size_t i = first; i < records.size(); ++i) {
    node.last_version = std::max(node.last_version, records[i].version);
    take_item(index, records[i], false);
  }
  return changes_;
}

void KnownRecords::unknown_session_ended(size_t node) {
  for (KeyFacts& facts : nodes_[node].keys) {
    if (facts.session != kNobody && !session(node, facts.session).known) {
      facts.waited_in_vain = true;
    }
  }
}

const std::vector<RecordChange>& KnownRecords::take_dump(size_t index,
                                                         const core::Registry& registry) {
  changes_.clear();
  override_changes_.clear();
  Node& node = nodes_[index];
  node.complete = true;
  node.keys.clear();
  node.sessions.clear();
  node.overrides.clear();
  core::Registry::DumpCursor cursor;
  while (!cursor.done()) {
    dump_.clear();
    registry.dump(cursor, kDumpedAtOnce, dump_);
    for (size_t i = 0; i < dump_.size(); ++i) take_item(index, dump_[i], true);
  }
  node.last_version = std::max(node.last_version, registry.version());
  return changes_;
}

void KnownRecords::take_item(size_t node, const core::RecordBatch::Item& item, bool from_dump) {
  if (core::is_private_key(item.key)) return;
  auto decoded = core::decode_record(item.key, item.value);
  if (!decoded.ok()) {
    error_ = fmt::format("writes a record that can't be read: {}", decoded.error().to_string());
    return;
  }
  const bool erased = item.value.empty();
  if (const auto* instance = std::get_if<core::InstanceRecord>(&*decoded)) {
    take_instance(node, *instance, erased, from_dump);
  } else if (const auto* session = std::get_if<core::SessionRecord>(&*decoded)) {
    take_session(node, *session, erased, from_dump);
  } else if (const auto* said = std::get_if<core::OverrideRecord>(&*decoded)) {
    take_override(node, *said, erased, from_dump);
  }
}

std::optional<KeyIndex> KnownRecords::find_key(core::ServiceKeyView service, std::string_view id) {
  const auto known = truth_.find_service(service);
  const auto key = known ? truth_.find_key(*known, id) : std::nullopt;
  if (!key) {
    error_ = fmt::format("holds a record of '{}' of service '{}', which nobody registered", id,
                         service.name);
  }
  return key;
}

void KnownRecords::take_override(size_t index, const core::OverrideRecord& record, bool erased,
                                 bool from_dump) {
  const auto key = find_key(record.service, record.id);
  if (!key) return;
  auto& overrides = nodes_[index].overrides;
  if (overrides.size() <= *key) overrides.resize(truth_.key_count());
  OverrideFacts facts;
  if (!erased) {
    const bool excludes = core::find_section(record.sections, core::kExclusionSection).has_value();
    facts = {true, record.set, record.stamp, record.set && record.out_of_service && !excludes};
  }
  override_changes_.push_back(
      {index, *key, std::exchange(overrides[*key], facts), facts, from_dump});
}

void KnownRecords::take_instance(size_t index, const core::InstanceRecord& record, bool erased,
                                 bool from_dump) {
  const auto key = find_key(record.service, record.id);
  if (!key) return;
  KeyFacts facts;
  if (!erased) {
    facts.known = true;
    facts.kind = record.kind;
    facts.stamp = record.stamp;
    facts.cause = record.cause;
    facts.holder = record.body.holder.kind;
    if (facts.holder == core::HolderKind::kSession) {
      facts.session = truth_.find_session(record.body.holder.session).value_or(kNobody);
      if (facts.session != kNobody) facts.session_ends = session(index, facts.session).ends;
    }
    facts.liveness = record.liveness;
    if (record.kind == core::RegistrationKind::kBody) {
      facts.rev = rev_of(record.body.metadata);
      facts.address = record.body.address;
      facts.port = record.body.port;
      facts.zone = record.body.zone;
      facts.withheld = is_withheld(record);
    }
  }
  auto& keys = nodes_[index].keys;
  if (keys.size() <= *key) keys.resize(truth_.key_count());
  RecordChange change;
  change.node = index;
  change.key = *key;
  change.key_before = std::exchange(keys[*key], facts);
  change.key_after = facts;
  change.from_dump = from_dump;
  changes_.push_back(change);
}

void KnownRecords::take_session(size_t index, const core::SessionRecord& record, bool erased,
                                bool from_dump) {
  const auto session = truth_.find_session(record.id);
  if (!session) {
    error_ = fmt::format("holds a record of session {}, which nobody opened", to_text(record.id));
    return;
  }
  SessionFacts facts;
  if (!erased) facts = {true, !record.superseded.empty(), record.opened, record.liveness};
  auto& sessions = nodes_[index].sessions;
  if (sessions.size() <= *session) sessions.resize(truth_.session_count());
  RecordChange change;
  change.node = index;
  change.session = *session;
  const SessionFacts& before = sessions[*session];
  const bool ends = facts.liveness.ended && !before.liveness.ended;
  facts.ends = before.ends + (ends ? 1 : 0);
  change.session_before = std::exchange(sessions[*session], facts);
  change.session_after = facts;
  change.from_dump = from_dump;
  changes_.push_back(change);
}

const KeyFacts& KnownRecords::key(size_t node, KeyIndex key) const {
  const auto& keys = nodes_[node].keys;
  return key < keys.size() ? keys[key] : kNoKeyFacts;
}

const SessionFacts& KnownRecords::session(size_t node, SessionIndex session) const {
  const auto& sessions = nodes_[node].sessions;
  return session < sessions.size() ? sessions[session] : kNoSessionFacts;
}

SessionIndex KnownRecords::holder_of(size_t node, KeyIndex key) const {
  const KeyFacts& facts = this->key(node, key);
  if (facts.kind != core::RegistrationKind::kBody || facts.session == kNobody) return kNobody;
  const SessionFacts& held = session(node, facts.session);
  const bool open = held.known && !held.liveness.ended && held.ends == facts.session_ends;
  return open ? facts.session : kNobody;
}

const OverrideFacts& KnownRecords::override_of(size_t node, KeyIndex key) const {
  const auto& overrides = nodes_[node].overrides;
  return key < overrides.size() ? overrides[key] : kNoOverrideFacts;
}

}  // namespace callbook::sim
