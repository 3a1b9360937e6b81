#include "core/registry.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/check.h"
#include "core/validate.h"

namespace callbook::core {
namespace {

using base::Error;
using base::ErrorCode;
using base::Now;
using base::Result;
using base::Status;

/// Tombstones dropped per AdvanceTime, so that an old mass departure does not stall a batch.
constexpr size_t kAgedPerStep = 2'000;

Error no_session() {
  return {ErrorCode::kNotFound, "session", "is not known; open a new one and register again",
          std::nullopt};
}

Error no_instance(const InstanceKey& key) {
  return {ErrorCode::kNotFound, "id",
          fmt::format("'{}' is not an instance of service '{}'", key.id, key.service.name),
          std::nullopt};
}

Error superseded(std::string_view id) {
  return {ErrorCode::kSuperseded, "id",
          fmt::format("'{}' was taken over by a later session; stop", id), std::nullopt};
}

}  // namespace

Registry::Registry(RegistryOptions options)
    : options_(std::move(options)),
      node_(node_id_of(options_.node)),
      clock_(node_),
      catalog_(sessions_, leases_) {}

Registry::~Registry() = default;

Result<Reply> Registry::step(const Input& input, Now now, Outputs& out) {
  if (loading_ && !std::holds_alternative<MergeRecord>(input) &&
      !std::holds_alternative<FinishLoading>(input)) {
    return Error{ErrorCode::kNotReady, "", "the registry is still loading its catalog",
                 std::nullopt};
  }
  return std::visit([&](const auto& wanted) { return apply(wanted, now, out); }, input);
}

Registry::Counts Registry::counts() const {
  return {catalog_.service_count(), catalog_.instance_count(), sessions_.open_count(),
          catalog_.tombstone_count()};
}

int64_t Registry::asked_heartbeat_ms(int64_t ttl_ms) const {
  const int64_t spread_ms =
      int64_t{sessions_.open_count()} * 1000 / options_.timing.max_heartbeats_per_s;
  return std::max(ttl_ms / options_.timing.missed_heartbeats, spread_ms);
}

SessionOpened Registry::opened(const Session& session) const {
  return {session.id, session.ttl_ms, asked_heartbeat_ms(session.ttl_ms), session.liveness.epoch};
}

Result<Session*> Registry::open_session(const SessionId& id) {
  Session* session = sessions_.find(id);
  if (session == nullptr || session->state != Session::State::kOpen) return no_session();
  if (!session->superseded_instance.empty()) return superseded(session->superseded_instance);
  return session;
}

Result<Reply> Registry::apply(const OpenSession& input, Now now, Outputs& out) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  if (sessions_.open_count() >= options_.limits.max_sessions) {
    return base::over_limit(
        "session", fmt::format("{} sessions are open, which is the limit", sessions_.open_count()),
        options_.limits.max_sessions);
  }
  CALLBOOK_CHECK(input.id != SessionId{});
  if (sessions_.find(input.id) != nullptr) {
    return Error{ErrorCode::kConflict, "session", "is taken", std::nullopt};
  }

  const uint32_t slot = sessions_.slot_for(input.id);
  Session& session = sessions_.at(slot);
  const int64_t missed = options_.timing.missed_heartbeats;
  const int64_t least_ttl_ms = asked_heartbeat_ms(0) * missed;
  const int64_t wanted_ms =
      input.ttl_ms != 0 ? input.ttl_ms : options_.timing.heartbeat_ms * missed;
  session.ttl_ms = std::max(wanted_ms, least_ttl_ms);
  session.client = input.client;
  session.opened = clock_.next(now);
  session.liveness = {1, session.opened, node_, false, Cause::kNone};
  sessions_.set_state(session, Session::State::kOpen);
  session.lease =
      leases_.add({static_cast<uint8_t>(LeaseKind::kSession), slot}, session.ttl_ms, now.mono_ms);
  emit(session, out);
  return Reply(opened(session));
}

Result<Reply> Registry::apply(const ResumeSession& input, Now now, Outputs& out) {
  auto session = open_session(input.id);
  if (!session.ok()) return session.error();
  Session& resumed = **session;
  if (resumed.liveness.home != node_) {
    resumed.liveness = {resumed.liveness.epoch + 1, clock_.next(now), node_, false, Cause::kNone};
    emit(resumed, out);
  }
  leases_.renew(resumed.lease, now.mono_ms);
  return Reply(opened(resumed));
}

Result<Reply> Registry::apply(const RefreshSession& input, Now now, Outputs&) {
  auto session = open_session(input.id);
  if (!session.ok()) return session.error();
  if ((*session)->attachments == 0) leases_.renew((*session)->lease, now.mono_ms);
  return Reply(SessionRefreshed{(*session)->ttl_ms, asked_heartbeat_ms((*session)->ttl_ms)});
}

Result<Reply> Registry::apply(const AttachSession& input, Now, Outputs&) {
  auto session = open_session(input.id);
  if (!session.ok()) return session.error();
  ++(*session)->attachments;
  leases_.suspend((*session)->lease);
  return Reply(opened(**session));
}

Result<Reply> Registry::apply(const DetachSession& input, Now now, Outputs&) {
  Session* session = sessions_.find(input.id);
  if (session == nullptr || session->state != Session::State::kOpen) return Reply(Done{});
  CALLBOOK_CHECK(session->attachments > 0);
  if (--session->attachments == 0) leases_.renew(session->lease, now.mono_ms);
  return Reply(Done{});
}

Result<Reply> Registry::apply(const CloseSession& input, Now now, Outputs& out) {
  Session* session = sessions_.find(input.id);
  if (session == nullptr || session->state != Session::State::kOpen) return no_session();
  return Reply(end_session(*session, Cause::kSessionClosed, now, out));
}

SessionEnded Registry::end_session(Session& session, Cause cause, Now now, Outputs& out) {
  const SessionEnded ended{session.id, cause, static_cast<uint32_t>(session.instances.size())};
  const uint32_t slot = sessions_.slot_of(session);
  leases_.remove(session.lease);
  session.lease = kNoSlot;
  session.attachments = 0;
  session.liveness = {session.liveness.epoch, clock_.next(now), node_, true, cause};
  session.ended_wall_ms = now.wall_ms;
  sessions_.set_state(session, Session::State::kEnded);
  ended_sessions_.push_back({now.wall_ms, slot, session.id});
  emit(session, out);
  version_ = catalog_.follow_session(slot, version_);
  return ended;
}

Result<Reply> Registry::apply(const RegisterInstance& input, Now now, Outputs& out) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  const Service* known = catalog_.find(input.key.service);
  const KeyState present = known == nullptr ? KeyState{} : catalog_.state_of(*known, input.key.id);
  if (auto status = check_capacity(input, known, present); !status.ok()) return status.error();
  if (auto status = claim_holder(input, present, now); !status.ok()) return status.error();

  const RegistrationView body = input.registration.view();
  clock_.observe(input.after.hlc);
  const Stamp stamp = clock_.next(now);
  if (present.body != nullptr && catalog_.is_unchanged(*present.body, body.holder, body)) {
    // Nobody is told, but the newer stamp is kept: a deregistration in flight from before must
    // lose.
    present.body->stamp = stamp;
    if (body.holder.kind == HolderKind::kTtl) catalog_.renew_ttl(*present.body, now.mono_ms);
    emit(*known, input.key.id, out);
    return Reply(
        InstanceRegistered{InstanceRegistered::Effect::kUnchanged, known->version(), stamp});
  }

  InstanceRecord record;
  record.service = input.key.service;
  record.id = input.key.id;
  record.kind = RegistrationKind::kBody;
  record.stamp = stamp;
  record.cause = Cause::kRegistered;
  record.body = body;
  if (body.holder.kind == HolderKind::kTtl) {
    record.liveness = {present.liveness.epoch + 1, stamp, node_, false, Cause::kNone};
  } else {
    record.liveness = present.liveness;
  }
  const uint64_t version = version_ + 1;
  catalog_.merge(catalog_.find_or_add(input.key.service), present, record, version, now);
  const auto effect = present.body == nullptr ? InstanceRegistered::Effect::kCreated
                                              : InstanceRegistered::Effect::kUpdated;
  version_ = version;
  RecordBatch& batch = out.records;
  batch.begin(version);
  encode_key(options_.datacenter, record, batch.bytes());
  batch.end_key();
  encode_value(record, batch.bytes());
  batch.end();
  return Reply(InstanceRegistered{effect, version, stamp});
}

Status Registry::check_capacity(const RegisterInstance& input, const Service* service,
                                const KeyState& present) {
  const Limits& limits = options_.limits;
  if (service == nullptr && catalog_.service_count() >= limits.max_services) {
    return base::over_limit(
        "service", fmt::format("{} services are known, which is the limit", limits.max_services),
        limits.max_services);
  }
  if (present.body == nullptr && catalog_.instance_count() >= limits.max_instances) {
    return base::over_limit(
        "id", fmt::format("{} instances are registered, which is the limit", limits.max_instances),
        limits.max_instances);
  }
  if (input.registration.holder.kind != HolderKind::kSession) return {};
  const Session* session = sessions_.find(input.registration.holder.session);
  const bool adds = present.body == nullptr || !(present.holder == input.registration.holder);
  if (session != nullptr && adds && session->instances.size() >= limits.max_instances_per_session) {
    return base::over_limit(
        "session",
        fmt::format("carries {} instances, which is the limit", limits.max_instances_per_session),
        limits.max_instances_per_session);
  }
  return {};
}

Status Registry::claim_holder(const RegisterInstance& input, const KeyState& present, Now now) {
  const Holder& holder = input.registration.holder;
  if (holder.kind != HolderKind::kSession) return {};
  auto session = open_session(holder.session);
  if (!session.ok()) return session.error();
  if (present.body == nullptr || present.holder.kind != HolderKind::kSession ||
      present.holder.session == holder.session) {
    return {};
  }
  // Two sessions claim one id: the one opened later is the newer process.
  Session& rival = *sessions_.find(present.holder.session);
  if (rival.opened > (*session)->opened) return superseded(input.key.id);
  rival.superseded_instance = input.key.id;
  // From now on it is not renewed, attached or not, and lapses unless its owner closes it before.
  leases_.renew(rival.lease, now.mono_ms);
  return {};
}

Result<Reply> Registry::apply(const RefreshInstance& input, Now now, Outputs&) {
  if (auto status = validate(input.key); !status.ok()) return status.error();
  const Service* service = catalog_.find(input.key.service);
  const Instance* live = service == nullptr ? nullptr : service->find_live(input.key.id);
  if (live == nullptr) return no_instance(input.key);
  if (live->holder_kind() != HolderKind::kTtl) {
    return Error{ErrorCode::kConflict, "id",
                 "names an instance without a ttl_ms of its own; its session needs the heartbeats",
                 std::nullopt};
  }
  catalog_.renew_ttl(*live, now.mono_ms);
  return Reply(InstanceRefreshed{catalog_.ttl_ms(*live)});
}

Result<Reply> Registry::apply(const DeregisterInstance& input, Now now, Outputs& out) {
  if (auto status = validate(input.key); !status.ok()) return status.error();
  Service* service = catalog_.find(input.key.service);
  const KeyState present =
      service == nullptr ? KeyState{} : catalog_.state_of(*service, input.key.id);
  if (present.body == nullptr) return no_instance(input.key);

  clock_.observe(input.after.hlc);
  InstanceRecord record;
  record.service = input.key.service;
  record.id = input.key.id;
  record.kind = RegistrationKind::kRemoved;
  record.stamp = clock_.next(now);
  record.cause = Cause::kDeregistered;
  record.removed_wall_ms = now.wall_ms;
  record.body.holder = present.holder;
  record.liveness = present.liveness;
  catalog_.merge(record, version_ + 1, now);
  const uint64_t version = emit(*service, input.key.id, out);
  return Reply(InstanceDeregistered{version, record.stamp});
}

Result<Reply> Registry::apply(const AdvanceTime&, Now now, Outputs& out) {
  lapsed_.clear();
  leases_.advance(now.mono_ms, lapsed_);
  for (const LeaseOwner& owner : lapsed_) {
    if (owner.kind == static_cast<uint8_t>(LeaseKind::kSession)) {
      out.sessions_ended.push_back(
          end_session(sessions_.at(owner.slot), Cause::kSessionExpired, now, out));
    } else {
      expire_instance(owner.slot, now, out);
    }
  }
  drop_aged(now, out);
  return Reply(Done{});
}

void Registry::expire_instance(uint32_t ttl_slot, Now now, Outputs& out) {
  const Instance& instance = catalog_.ttl_instance(ttl_slot);
  const Service& service = *catalog_.at(instance.service);
  const std::string id(instance.id());
  InstanceRecord record;
  record.service = service.key();
  record.id = id;
  record.stamp = Stamp{};  // says nothing of the registration
  record.liveness = {catalog_.ttl_liveness(ttl_slot).epoch, clock_.next(now), node_, true,
                     Cause::kSessionExpired};
  catalog_.merge(record, version_ + 1, now);
  ++out.instances_expired;
  emit(service, id, out);
}

void Registry::drop_aged(Now now, Outputs& out) {
  const int64_t before_wall_ms = now.wall_ms - options_.timing.tombstone_ms;
  catalog_.drop_aged(before_wall_ms, kAgedPerStep, [&](const ServiceKey& key, std::string_view id) {
    InstanceRecord record;
    record.service = key;
    record.id = id;
    out.records.begin(++version_);
    encode_key(options_.datacenter, record, out.records.bytes());
    out.records.end_key();
    out.records.end();
  });
  for (size_t i = 0; i < kAgedPerStep && !ended_sessions_.empty(); ++i) {
    const AgedSession aged = ended_sessions_.front();
    if (aged.ended_wall_ms >= before_wall_ms) break;
    ended_sessions_.pop_front();
    const Session& session = sessions_.at(aged.slot);
    if (session.id != aged.id || session.state != Session::State::kEnded) continue;
    out.records.begin(++version_);
    encode_key(SessionRecord{aged.id, 0, {}, {}, {}, 0}, out.records.bytes());
    out.records.end_key();
    out.records.end();
    sessions_.forget(aged.slot);
  }
}

uint64_t Registry::emit(const Service& service, std::string_view id, Outputs& out) {
  write_instance(service, id, catalog_.state_of(service, id), ++version_, out.records);
  return version_;
}

void Registry::emit(const Session& session, Outputs& out) {
  write_session(session, ++version_, out.records);
}

}  // namespace callbook::core
