#include "node/bus_acks.h"

#include <utility>

#include "core/record_codec.h"

namespace callbook::node {
namespace {

base::Error not_logged(std::string detail) {
  return {base::ErrorCode::kAppliedNotLogged, "ack", std::move(detail), std::nullopt};
}

}  // namespace

base::Error bus_away() {
  return not_logged("the change is in effect, but the bus between the nodes can't be reached");
}

std::optional<OwedChange> owed_change(const core::Input& input, const core::Reply& reply,
                                      const core::Registry& registry) {
  const std::string& datacenter = registry.options().datacenter;
  OwedChange owed;
  const auto of_session = [&](const core::SessionId& id) {
    core::encode_key(id, owed.key);
    owed.version = registry.owed_version(id);
  };
  if (const auto* registered = std::get_if<core::InstanceRegistered>(&reply)) {
    const auto& key = std::get<core::RegisterInstance>(input).key;
    core::encode_key(datacenter, key.service, key.id, owed.key);
    owed.version = registered->owed_version;
  } else if (const auto* gone = std::get_if<core::InstanceDeregistered>(&reply)) {
    const auto& wanted = std::get<core::DeregisterInstance>(input);
    if (wanted.by.empty()) {
      core::encode_key(datacenter, wanted.key.service, wanted.key.id, owed.key);
    } else {
      core::encode_override_key(datacenter, wanted.key.service, wanted.key.id, owed.key);
    }
    owed.version = gone->owed_version;
  } else if (const auto* status = std::get_if<core::StatusSet>(&reply)) {
    const auto& key = std::get<core::SetStatus>(input).key;
    core::encode_key(datacenter, key.service, key.id, owed.key);
    owed.version = status->owed_version;
  } else if (const auto* said = std::get_if<core::OverrideChanged>(&reply)) {
    const auto* set = std::get_if<core::SetOverride>(&input);
    const auto& key = set != nullptr ? set->key : std::get<core::RemoveOverride>(input).key;
    core::encode_override_key(datacenter, key.service, key.id, owed.key);
    owed.version = said->owed_version;
  } else if (const auto* opened = std::get_if<core::SessionOpened>(&reply)) {
    of_session(opened->id);
  } else if (const auto* ended = std::get_if<core::SessionEnded>(&reply)) {
    of_session(ended->id);
  }
  if (owed.version == 0) return std::nullopt;
  return owed;
}

void BusAcks::wait(OwedChange change, int64_t until_ms, Done done) {
  waiting_[std::move(change.key)].push_back({change.version, until_ms, std::move(done)});
  ++count_;
}

void BusAcks::settle(const core::RecordSettled& settled) {
  const auto found = waiting_.find(settled.key);
  if (found == waiting_.end()) return;
  std::vector<Waiting> open;
  std::vector<Waiting> told;
  for (Waiting& one : found->second) {
    (one.version <= settled.version ? told : open).push_back(std::move(one));
  }
  count_ -= told.size();
  if (open.empty()) {
    waiting_.erase(found);
  } else {
    found->second = std::move(open);
  }
  for (Waiting& one : told) one.done({});
}

/// Tells `status` to all that `rule` names.
template <typename Rule>
void BusAcks::tell(Rule rule, const base::Status& status) {
  std::vector<Waiting> told;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    std::vector<Waiting> open;
    for (Waiting& one : at->second) (rule(one) ? told : open).push_back(std::move(one));
    at->second = std::move(open);
    at = at->second.empty() ? waiting_.erase(at) : std::next(at);
  }
  count_ -= told.size();
  for (Waiting& one : told) one.done(status);
}

void BusAcks::expire(int64_t now_ms) {
  if (waiting_.empty()) return;
  tell([&](const Waiting& one) { return one.until_ms <= now_ms; },
       not_logged("the change is in effect, but the bus has not acknowledged it yet"));
}

void BusAcks::fail_all() {
  tell([](const Waiting&) { return true; }, bus_away());
}

}  // namespace callbook::node
