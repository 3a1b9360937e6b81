#include "sim/truth.h"

#include <algorithm>

#include "base/check.h"

namespace callbook::sim {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

/// Whether an error says for certain that nothing was changed.
bool refuses(base::ErrorCode code) {
  switch (code) {
    case base::ErrorCode::kInvalid:
    case base::ErrorCode::kLimit:
    case base::ErrorCode::kNotFound:
    case base::ErrorCode::kSuperseded:
    case base::ErrorCode::kConflict:
    case base::ErrorCode::kNotReady:
    case base::ErrorCode::kOverloaded:
      return true;
    case base::ErrorCode::kAppliedNotLogged:
    case base::ErrorCode::kCorrupt:
    case base::ErrorCode::kIo:
      return false;
  }
  return false;
}

}  // namespace

uint32_t Truth::add_service(const core::ServiceKey& key) {
  const auto [found, added] =
      service_index_.try_emplace(key, static_cast<uint32_t>(services_.size()));
  if (added) {
    services_.push_back(key);
    key_index_.emplace_back();
    keys_of_.emplace_back();
  }
  return found->second;
}

std::optional<uint32_t> Truth::find_service(core::ServiceKeyView key) const {
  const auto found = service_index_.find(key);
  if (found == service_index_.end()) return std::nullopt;
  return found->second;
}

KeyIndex Truth::add_key(const core::InstanceKey& key) {
  const uint32_t service = add_service(key.service);
  const auto [found, added] =
      key_index_[service].try_emplace(key.id, static_cast<KeyIndex>(keys_.size()));
  if (added) {
    TrueKey fresh;
    fresh.key = key;
    fresh.service = service;
    keys_.push_back(std::move(fresh));
    keys_of_[service].push_back(found->second);
  }
  return found->second;
}

bool Truth::lapses_exactly(KeyIndex key) const {
  const TrueKey& one = keys_[key];
  return one.lapse && keys_of_[one.service].size() < kLeastMass;
}

std::optional<KeyIndex> Truth::find_key(uint32_t service, std::string_view id) const {
  const auto found = key_index_[service].find(id);
  if (found == key_index_[service].end()) return std::nullopt;
  return found->second;
}

std::optional<SessionIndex> Truth::find_session(const core::SessionId& id) const {
  const auto found = session_index_.find(id);
  if (found == session_index_.end()) return std::nullopt;
  return found->second;
}

ProcessNumber Truth::begin_process(ClientId client) {
  TrueProcess process;
  process.number = static_cast<ProcessNumber>(processes_.size());
  process.client = client;
  process.began_ms = scheduler_.now_ms();
  last_began_[client] = process.number;
  lost_machines_.erase(client);
  processes_.push_back(process);
  return process.number;
}

void Truth::end_process(ProcessNumber number, TrueProcess::End end) {
  TrueProcess& process = processes_[number];
  if (process.end != TrueProcess::End::kNone) return;
  process.end = end;
  process.ended_ms = scheduler_.now_ms();
  ended_processes_.push_back(number);
  if (end == TrueProcess::End::kMachineDied) lost_machines_.insert(process.client);
}

int64_t Truth::stopped_until_ms(ClientId client) const {
  const auto found = stopped_until_ms_.find(client);
  return found == stopped_until_ms_.end() ? kLongAgo : found->second;
}

bool Truth::is_replaced(const TrueProcess& process) const {
  const auto found = last_began_.find(process.client);
  return found != last_began_.end() && found->second > process.number;
}

SessionIndex Truth::begin_open(ProcessNumber process, const core::SessionId& id, int64_t ttl_ms,
                               size_t node) {
  const auto index = static_cast<SessionIndex>(sessions_.size());
  TrueSession session;
  session.id = id;
  session.process = process;
  session.ttl_ms = ttl_ms;
  session.open_begun_ms = scheduler_.now_ms();
  session.asked.push_back({node, scheduler_.now_ms()});
  sessions_.push_back(std::move(session));
  processes_[process].sessions.push_back(index);
  const bool fresh = session_index_.emplace(id, index).second;
  CALLBOOK_CHECK(fresh);
  return index;
}

void Truth::begin_resume(SessionIndex session, size_t node) {
  sessions_[session].asked.push_back({node, scheduler_.now_ms()});
}

void Truth::begin_tie(SessionIndex session, size_t node) {
  sessions_[session].contacts.begun(node, scheduler_.now_ms());
}

void Truth::session_held(SessionIndex index, size_t node, int64_t begun_ms,
                         const core::SessionOpened& answer) {
  TrueSession& session = sessions_[index];
  if (session.opened_ms == kNever) session.opened_ms = scheduler_.now_ms();
  session.ttl_ms = answer.ttl_ms;
  session.epoch = std::max(session.epoch, answer.epoch);
  session.told_epochs_ms.try_emplace(answer.epoch, scheduler_.now_ms());
  session.contacts.answered(node, begun_ms);
}

void Truth::heartbeat_answered(SessionIndex session, size_t node, int64_t begun_ms) {
  sessions_[session].contacts.answered(node, begun_ms);
}

void Truth::stream_alive(SessionIndex session, size_t node) {
  sessions_[session].contacts.stream_alive(node, scheduler_.now_ms());
}

void Truth::begin_close(SessionIndex session) {
  int64_t& begun_ms = sessions_[session].close_begun_ms;
  begun_ms = std::min(begun_ms, scheduler_.now_ms());
}

void Truth::abandon(SessionIndex session) {
  int64_t& abandoned_ms = sessions_[session].abandoned_ms;
  abandoned_ms = std::min(abandoned_ms, scheduler_.now_ms());
}

void Truth::told_superseded(SessionIndex session) {
  int64_t& told_ms = sessions_[session].told_superseded_ms;
  told_ms = std::min(told_ms, scheduler_.now_ms());
}

OperationIndex Truth::add_operation(Operation operation) {
  const auto index = static_cast<OperationIndex>(operations_.size());
  operation.begun_ms = scheduler_.now_ms();
  keys_[operation.key].operations.push_back(index);
  operations_.push_back(operation);
  return index;
}

void Truth::set_wanted(KeyIndex key, ProcessNumber by, bool wanted) {
  auto& all = keys_[key].wanted_by;
  const auto place = std::lower_bound(all.begin(), all.end(), by);
  const bool present = place != all.end() && *place == by;
  if (wanted && !present) all.insert(place, by);
  if (!wanted && present) all.erase(place);
}

bool Truth::wanted(KeyIndex key, ProcessNumber by) const {
  const auto& all = keys_[key].wanted_by;
  return std::binary_search(all.begin(), all.end(), by);
}

OperationIndex Truth::begin_register(KeyIndex key, uint32_t rev, ProcessNumber owner,
                                     SessionIndex session, const core::Holder& holder, size_t node,
                                     core::Ack ack) {
  if (session != kNobody) {
    auto& keys = sessions_[session].keys;
    const auto place = std::lower_bound(keys.begin(), keys.end(), key);
    if (place == keys.end() || *place != key) {
      keys.insert(place, key);
      contest(key, session);
    }
  }
  if (holder.kind == core::HolderKind::kTtl) {
    auto& keys = processes_[owner].keys;
    const auto place = std::lower_bound(keys.begin(), keys.end(), key);
    if (place == keys.end() || *place != key) keys.insert(place, key);
  }
  Operation operation;
  operation.kind = Kind::kRegister;
  operation.ack = ack;
  operation.holder = holder.kind;
  operation.node = static_cast<uint32_t>(node);
  operation.key = key;
  operation.owner = owner;
  operation.session = session;
  operation.rev = rev;
  operation.ttl_ms = holder.ttl_ms;
  return add_operation(operation);
}

OperationIndex Truth::begin_deregister(KeyIndex key, ProcessNumber owner, SessionIndex session,
                                       size_t node, core::Ack ack) {
  Operation operation;
  operation.kind = Kind::kDeregister;
  operation.session = session;
  operation.ack = ack;
  operation.node = static_cast<uint32_t>(node);
  operation.key = key;
  operation.owner = owner;
  return add_operation(operation);
}

void Truth::contest(KeyIndex key, SessionIndex claimant) {
  const auto add = [](std::vector<SessionIndex>& rivals, SessionIndex rival) {
    if (std::find(rivals.begin(), rivals.end(), rival) == rivals.end()) rivals.push_back(rival);
  };
  for (const OperationIndex index : keys_[key].operations) {
    const SessionIndex other = operations_[index].session;
    if (operations_[index].kind != Kind::kRegister || other == kNobody ||
        sessions_[other].process == sessions_[claimant].process)
      continue;
    add(sessions_[other].rivals, claimant);
    add(sessions_[claimant].rivals, other);
  }
}

bool Truth::outdone_by_its_own(SessionIndex index) const {
  const TrueSession& session = sessions_[index];
  const std::vector<SessionIndex>& own = processes_[session.process].sessions;
  return std::any_of(own.begin(), own.end(), [&](SessionIndex other) {
    const TrueSession& given_up = sessions_[other];
    return given_up.abandoned_ms != kNever && given_up.opened && session.opened &&
           *given_up.opened > *session.opened;
  });
}

bool Truth::contested(SessionIndex index) const {
  const TrueSession& session = sessions_[index];
  return std::any_of(session.rivals.begin(), session.rivals.end(), [&](SessionIndex other) {
    const TrueSession& rival = sessions_[other];
    if (session.opened && rival.opened) return *rival.opened > *session.opened;
    return rival.opened_ms > session.open_begun_ms;  // not surely the earlier one
  });
}

void Truth::end_operation(OperationIndex index, const ClientPort::Answer& answer) {
  Operation& operation = operations_[index];
  operation.ended_ms = scheduler_.now_ms();
  if (!answer) {
    operation.outcome = Outcome::kUnknown;
    return;
  }
  if (!answer->ok()) {
    operation.outcome = refuses(answer->error().code) ? Outcome::kRefused : Outcome::kUnknown;
    operation.held = answer->error().code == base::ErrorCode::kConflict;
    return;
  }
  operation.outcome = Outcome::kAccepted;
  const core::Reply& reply = answer->value();
  if (const auto* registered = std::get_if<core::InstanceRegistered>(&reply)) {
    operation.unchanged = registered->effect == core::InstanceRegistered::Effect::kUnchanged;
    settle(index, registered->stamp);
    if (operation.holder == core::HolderKind::kTtl) {
      keys_[operation.key].contacts.answered(operation.node, operation.begun_ms);
    }
  } else if (const auto* gone = std::get_if<core::InstanceDeregistered>(&reply)) {
    settle(index, gone->stamp);
  }
}

void Truth::settle(OperationIndex index, core::Stamp stamp) {
  const std::optional<core::Stamp> assumed = operations_[index].stamp;
  for (const OperationIndex other : keys_[operations_[index].key].operations) {
    Operation& holder = operations_[other];
    // Two calls may be told one stamp: to ask again for what is done is answered as it was.
    if (other != index && holder.in_doubt() && holder.stamp == stamp) holder.stamp = assumed;
  }
  operations_[index].stamp = stamp;
}

void Truth::instance_refreshed(KeyIndex key, size_t node, int64_t begun_ms) {
  keys_[key].contacts.answered(node, begun_ms);
}

OperationIndex Truth::maker_of(KeyIndex key, Kind kind, std::optional<uint32_t> rev,
                               core::Stamp stamp, std::optional<size_t> node,
                               SessionIndex session) {
  const auto fits = [&](const Operation& operation) {
    return operation.kind == kind && (!rev || operation.rev == *rev);
  };
  const auto& known = keys_[key].operations;
  for (auto it = known.rbegin(); it != known.rend(); ++it) {
    const Operation& operation = operations_[*it];
    if (operation.stamp == stamp) return fits(operation) ? *it : kNobody;
  }
  for (const OperationIndex index : known) {
    Operation& operation = operations_[index];
    if (operation.stamp || !operation.in_doubt() || !fits(operation)) continue;
    if (node && operation.node != *node) continue;
    if (session != kNobody && operation.session != session) continue;
    operation.stamp = stamp;
    return index;
  }
  return kNobody;
}

OperationIndex Truth::reasserted(KeyIndex key, SessionIndex session, core::Stamp stamp,
                                 size_t node) {
  if (sessions_[session].rivals.empty()) return kNobody;
  const auto& known = keys_[key].operations;
  for (auto it = known.rbegin(); it != known.rend(); ++it) {
    Operation operation = operations_[*it];
    if (operation.kind != Kind::kRegister || operation.session != session) continue;
    if (operation.outcome == Outcome::kRefused) continue;
    operation.reasserted = true;
    operation.outcome = Outcome::kUnknown;
    operation.node = static_cast<uint32_t>(node);
    operation.stamp = stamp;
    operation.ended_ms = scheduler_.now_ms();
    return add_operation(operation);
  }
  return kNobody;
}

bool Truth::was_overruled(const Operation& registration, core::Stamp before) const {
  const auto& known = keys_[registration.key].operations;
  return std::any_of(known.begin(), known.end(), [&](OperationIndex index) {
    const Operation& other = operations_[index];
    if (other.outcome == Outcome::kRefused) return false;
    if (other.kind == Kind::kDeregister) {
      // A removal that names another session is none of this one's.
      const bool of_session = registration.session != kNobody;
      const bool meant = of_session
                             ? other.session == kNobody || other.session == registration.session
                             : other.owner == registration.owner;
      if (meant) return false;
    }
    if (!other.stamp) return true;  // in doubt
    return *other.stamp > *registration.stamp && *other.stamp < before;
  });
}

OperationIndex Truth::restated(KeyIndex key, uint32_t rev, core::Stamp stamp, size_t node,
                               SessionIndex session) {
  OperationIndex source = kNobody;
  for (const OperationIndex index : keys_[key].operations) {
    const Operation& operation = operations_[index];
    if (operation.kind != Kind::kRegister || operation.rev != rev || !operation.stamp) continue;
    if (session != kNobody && operation.session != session) continue;
    if (*operation.stamp >= stamp || !was_overruled(operation, stamp)) continue;
    if (source == kNobody || *operation.stamp > *operations_[source].stamp) source = index;
  }
  if (source == kNobody) return kNobody;
  Operation operation = operations_[source];
  operation.reasserted = true;
  operation.outcome = Outcome::kUnknown;
  operation.node = static_cast<uint32_t>(node);
  operation.stamp = stamp;
  operation.ended_ms = scheduler_.now_ms();
  return add_operation(operation);
}

bool Truth::lives_contested(SessionIndex index) const {
  const TrueSession& session = sessions_[index];
  const int64_t over_ms = std::min(
      {session.close_begun_ms, session.abandoned_ms, processes_[session.process].ended_ms});
  return over_ms > scheduler_.now_ms() && contested(index);
}

bool Truth::session_over(SessionIndex index) const {
  const TrueSession& session = sessions_[index];
  const int64_t over_ms = std::min(
      {session.close_begun_ms, session.abandoned_ms, processes_[session.process].ended_ms});
  return over_ms <= scheduler_.now_ms() || contested(index);
}

bool Truth::holder_over(const Operation& registration) const {
  switch (registration.holder) {
    case core::HolderKind::kPersistent:
      return false;
    case core::HolderKind::kSession:
      return session_over(registration.session);
    case core::HolderKind::kTtl:
      return processes_[registration.owner].end != TrueProcess::End::kNone;
  }
  return false;
}

bool Truth::deregistered(const Operation& registration) const {
  for (const OperationIndex index : keys_[registration.key].operations) {
    const Operation& operation = operations_[index];
    if (operation.kind != Kind::kDeregister || operation.outcome == Outcome::kRefused) continue;
    if (!operation.stamp || !registration.stamp || *operation.stamp > *registration.stamp) {
      return true;
    }
  }
  return false;
}

}  // namespace callbook::sim
