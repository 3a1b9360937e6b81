#include "core/registry.h"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>

#include "base/check.h"
#include "core/sections.h"
#include "core/validate.h"

namespace callbook::core {
namespace {

using base::Error;
using base::ErrorCode;
using base::Now;
using base::Result;
using base::Status;

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
      catalog_({node_, options_.clustered || options_.mirror}, sessions_, leases_, digest_),
      doubt_(options_.timing.doubt),
      peers_(node_, options_.timing.lost_after_ms),
      readers_(options_.timing.absent_node_ms, options_.timing.lost_after_ms),
      claim_(options_.asks_for_name ? ClaimName::Stage::kListening : ClaimName::Stage::kOwned) {}

Registry::~Registry() = default;

namespace {

/// Inputs that are taken whatever phase the node is in.
bool is_not_a_clients(const Input& input) {
  return std::visit(
      []<typename Wanted>(const Wanted&) {
        return std::is_same_v<Wanted, MergeRecord> || std::is_same_v<Wanted, FinishLoading> ||
               std::is_same_v<Wanted, AdvanceTime> || std::is_same_v<Wanted, ReportBus> ||
               std::is_same_v<Wanted, ReportBusLost> || std::is_same_v<Wanted, ApplyBatch> ||
               std::is_same_v<Wanted, SettlePublication> || std::is_same_v<Wanted, HearBeat> ||
               std::is_same_v<Wanted, ClaimName> || std::is_same_v<Wanted, ApplyDirect> ||
               std::is_same_v<Wanted, SettleDirect> || std::is_same_v<Wanted, ApplySnapshot> ||
               std::is_same_v<Wanted, MirrorRecords>;
      },
      input);
}

bool is_for_a_mirror(const Input& input) {
  return std::holds_alternative<MirrorRecords>(input) || std::holds_alternative<AdvanceTime>(input);
}

}  // namespace

Result<Reply> Registry::step(const Input& input, Now now, Outputs& out) {
  if (options_.mirror) CALLBOOK_CHECK(is_for_a_mirror(input));
  if (loading() && !is_not_a_clients(input)) {
    return Error{ErrorCode::kNotReady, "", "the registry is still loading its catalog",
                 std::nullopt};
  }
  // With each input, not with each tick: what a node hears or reads from its store before its first
  // tick, or after a stall before the next one, would be a removal of long ago, and the breaker
  // would grant the budget of the running minute once more.
  catalog_.note_time(now.mono_ms);
  return std::visit([&](const auto& wanted) { return apply(wanted, now, out); }, input);
}

Registry::Counts Registry::counts() const {
  return {catalog_.service_count(), catalog_.instance_count(), sessions_.open_count(),
          catalog_.tombstone_count()};
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

  if (auto status = check_outbox(input.id); !status.ok()) return status.error();

  Session& session = sessions_.at(sessions_.slot_for(input.id));
  const int64_t missed = options_.timing.missed_heartbeats;
  const int64_t least_ttl_ms = asked_heartbeat_ms(0) * missed;
  const int64_t wanted_ms =
      input.ttl_ms != 0 ? input.ttl_ms : options_.timing.heartbeat_ms * missed;
  session.ttl_ms = std::max(wanted_ms, least_ttl_ms);
  session.client = input.client;
  clock_.observe(input.after.hlc);
  session.opened = clock_.next(now);
  if (input.facts != ProcessFacts()) note_facts(session, input.facts, session.opened);
  sessions_.set_state(session, Session::State::kOpen);
  take_session(session, 0, Cause::kNone, now, out);
  note_life(session, now);
  return Reply(opened(session));
}

Result<Reply> Registry::apply(const ResumeSession& input, Now now, Outputs& out) {
  auto session = open_session(input.id);
  if (!session.ok()) return session.error();
  Session& resumed = **session;
  if (auto status = check_epoch(resumed, input.epoch); !status.ok()) return status.error();
  if (comes_home(resumed, input.epoch)) {
    if (auto status = check_outbox(input.id); !status.ok()) return status.error();
    call_home(resumed, input.epoch, now, out);
  }
  resumed.lacks_registrations = false;  // whoever resumes registers anew
  take_speech(resumed, input.speaks, now, out);
  note_life(resumed, now);
  revive(resumed, now, out);
  if (!is_mute(resumed)) leases_.renew(resumed.lease, now.mono_ms);
  return Reply(opened(resumed));
}

Result<Reply> Registry::apply(const RefreshSession& input, Now now, Outputs& out) {
  auto session = open_session(input.id);
  if (!session.ok()) return session.error();
  Session& refreshed = **session;
  if (auto status = bring_home(refreshed, input.epoch, now, out); !status.ok()) {
    return status.error();
  }
  note_life(refreshed, now);
  revive(refreshed, now, out);
  if (!is_mute(refreshed)) {
    leases_.renew(refreshed.lease, now.mono_ms);
    doubt_.heard();
  }
  if (refreshed.lacks_registrations) return must_resume();
  return Reply(SessionRefreshed{refreshed.ttl_ms, asked_heartbeat_ms(refreshed.ttl_ms)});
}

Result<Reply> Registry::apply(const AttachSession& input, Now now, Outputs& out) {
  auto session = open_session(input.id);
  if (!session.ok()) return session.error();
  Session& attached = **session;
  if (auto status = bring_home(attached, input.epoch, now, out); !status.ok()) {
    return status.error();
  }
  take_speech(attached, input.speaks, now, out);
  note_life(attached, now);
  revive(attached, now, out);
  ++attached.attachments;
  if (is_mute(attached)) {
    leases_.suspend(attached.lease);
  } else {
    leases_.renew(attached.lease, now.mono_ms);
  }
  return Reply(opened(attached));
}

Result<Reply> Registry::apply(const DetachSession& input, Now now, Outputs& out) {
  Session* session = sessions_.find(input.id);
  if (session == nullptr || session->attachments == 0) return Reply(Done{});
  if (--session->attachments > 0) return Reply(Done{});
  if (!session->facts.speaks) session->heard_version = version_;
  const bool at_home = session->lease != kNoSlot && !session->moved_away;
  const bool suspicious = input.how != DetachSession::How::kReleased && probes() &&
                          session->state == Session::State::kOpen && !session->instances.empty();
  if (at_home && suspicious) {
    const bool broken = input.how == DetachSession::How::kBroken;
    leases_.suspend(session->lease);
    suspect(owner_of(*session), broken ? Cause::kConnectionLost : Cause::kHeartbeatsMissed, now,
            out);
    advance_suspects(now, out);  // the first probe need not wait for a tick
    return Reply(Done{});
  }
  if (session->facts.speaks) return Reply(Done{});  // its lease has been running all the time
  if (!session->moved_away) note_life(*session, now);
  // At its home it must be heard of by other means from now on.
  if (session->lease != kNoSlot) leases_.renew(session->lease, now.mono_ms);
  return Reply(Done{});
}

Result<Reply> Registry::apply(const CloseSession& input, Now now, Outputs& out) {
  Session* session = sessions_.find(input.id);
  if (session == nullptr || session->state != Session::State::kOpen) return no_session();
  if (auto status = check_outbox(input.id); !status.ok()) return status.error();
  return Reply(end_session(*session, Cause::kSessionClosed, now, out));
}

Result<Reply> Registry::apply(const RegisterInstance& input, Now now, Outputs& out) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  const Service* known = catalog_.find(input.key.service);
  const KeyState present = known == nullptr ? KeyState{} : catalog_.state_of(*known, input.key.id);
  if (auto status = check_capacity(input, known, present); !status.ok()) return status.error();
  if (auto status = check_outbox(input.key, input.registration.holder.kind); !status.ok()) {
    return status.error();
  }
  const bool was_lasting = present.kind != RegistrationKind::kNone &&
                           present.holder.kind == HolderKind::kPersistent &&
                           input.registration.holder.kind != HolderKind::kPersistent;
  if (was_lasting) {
    auto status = check_outbox(input.key, HolderKind::kPersistent);
    if (!status.ok()) return status.error();
  }
  if (auto status = claim_holder(input, present, now, out); !status.ok()) return status.error();

  RegistrationView body = input.registration.view();
  std::string insisting;  // other nodes have to know, too
  if (input.take_over && body.holder.kind != HolderKind::kSession) {
    body.extras = insisting = with_insistence(body.extras);
  }
  clock_.observe(input.after.hlc);
  const ProviderStatus* said = known == nullptr ? nullptr : known->find_status(input.key.id);
  const ProviderState before = said == nullptr ? ProviderState::kUp : said->state;
  const bool says_status = input.status.value_or(before) != before;
  if (present.body != nullptr && !says_status &&
      catalog_.is_unchanged(*present.body, body.holder, body)) {
    return register_unchanged(*known, *present.body, input.after > present.stamp, now, out);
  }

  const Stamp stamp = clock_.next(now);
  InstanceRecord record;
  record.service = input.key.service;
  record.id = input.key.id;
  record.kind = RegistrationKind::kBody;
  record.stamp = stamp;
  record.cause = Cause::kRegistered;
  record.body = body;
  const std::string sections = sections_for(input, body.extras, present, stamp);
  record.sections = sections;
  if (body.holder.kind == HolderKind::kTtl) {
    record.liveness = {present.liveness.epoch + 1, stamp, node_, false, Cause::kNone, now.wall_ms};
    if (!body.check.empty()) await_check(present, body, record.liveness);
  } else {
    record.liveness = present.liveness;
  }
  const auto effect = present.body == nullptr ? InstanceRegistered::Effect::kCreated
                                              : InstanceRegistered::Effect::kUpdated;
  const uint64_t version = version_ + 1;
  Service& service = catalog_.find_or_add(input.key.service);
  catalog_.merge(service, present, record, version, now);
  version_ = version;
  if (body.holder.kind == HolderKind::kTtl) {
    begin_own_life(*service.find_body(input.key.id), now, out);
  }
  write_registered(record, was_lasting, now, out);
  if (options_.clustered) note_local(service, input.key.id);
  return Reply(InstanceRegistered{effect, version, stamp, options_.clustered ? version : 0});
}

/// Stores what was registered under the present version, and owes it to the other nodes.
void Registry::write_registered(const InstanceRecord& record, bool was_lasting, Now now,
                                Outputs& out) {
  RecordBatch& batch = out.records;
  batch.begin(version_);
  const size_t key_begin = batch.bytes().size();
  encode_key(options_.datacenter, record.service, record.id, batch.bytes());
  batch.end_key();
  encode_value(record, batch.bytes());
  batch.end();
  if (!options_.clustered) return;
  const std::string key = batch.bytes().substr(key_begin, batch[batch.size() - 1].key.size());
  owe(stream_of(record.body.holder.kind), key, Outbox::Reason::kChange, now.mono_ms, now, out);
  // The other stream keeps the lasting record for ever: it must learn that it is no more.
  if (was_lasting) owe(Stream::kLasting, key, Outbox::Reason::kChange, now.mono_ms, now, out);
}

/// Of an instance that no session holds: has it checked, or waits for its heartbeats.
void Registry::begin_own_life(const Instance& instance, Now now, Outputs& out) {
  if (is_checked(instance)) return begin_checks(instance.holder_slot, out);
  catalog_.renew_ttl(instance, !stood_still(now), version_, now.mono_ms);
}

/// The sections of the record that a registration makes. What an earlier one said besides, and what
/// another process said of itself under this id, does not stand. Of another session that need not
/// be written: its word does not count, and a newer one of this session, said elsewhere and not
/// heard of here, would be erased (seed 4005713).
std::string Registry::sections_for(const RegisterInstance& input, std::string_view extras,
                                   const KeyState& present, Stamp stamp) {
  std::string sections(present.sections);
  if (!extras.empty() || find_section(sections, kExtrasSection)) {
    sections = with_section(sections, kExtrasSection, stamp, extras);
  }
  const auto section = find_section(sections, kStatusSection);
  const auto said = section ? decode_status(section->bytes) : std::nullopt;
  const Holder& holder = input.registration.holder;
  const bool counts = said && said->session == holder.session;
  // A node that has forgotten the body, or never had it, may yet have heard what its session said.
  const bool unheld =
      present.kind == RegistrationKind::kForgotten || present.kind == RegistrationKind::kNone;
  const bool of_its_own = unheld && holder.kind == HolderKind::kSession;
  if (input.status || (counts && !of_its_own && !is_same_process(present, holder))) {
    const ProviderStatus status{input.status.value_or(ProviderState::kUp), {}};
    sections = with_section(sections, kStatusSection, stamp, encode(status, holder.session));
  } else if (said && present.holder.session != holder.session && is_same_process(present, holder)) {
    // The same process under another session.
    const ProviderStatus* shown = catalog_.find(input.key.service)->find_status(input.key.id);
    const ProviderStatus status = shown == nullptr ? ProviderStatus() : *shown;
    sections = with_section(sections, kStatusSection, stamp, encode(status, holder.session));
  }
  return sections;
}

/// Whether the holder of what stands under a key is the process that `holder` belongs to.
bool Registry::is_same_process(const KeyState& present, const Holder& holder) {
  if (present.kind != RegistrationKind::kBody || present.holder.kind != holder.kind) return false;
  if (holder.kind != HolderKind::kSession || present.holder.session == holder.session) return true;
  const Session* before = sessions_.find(present.holder.session);
  const Session* now = sessions_.find(holder.session);
  return before != nullptr && now != nullptr && now->facts.is_same_process(before->facts);
}

Result<Reply> Registry::apply(const SetStatus& input, Now now, Outputs& out) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  Service* service = catalog_.find(input.key.service);
  const KeyState present =
      service == nullptr ? KeyState{} : catalog_.state_of(*service, input.key.id);
  if (present.body == nullptr) return no_instance(input.key);
  if (input.session != SessionId{} && present.holder.session != input.session) {
    return Error{ErrorCode::kConflict, "session",
                 fmt::format("does not hold '{}'; another has registered it since", input.key.id),
                 std::nullopt};
  }
  if (auto status = check_outbox(input.key, present.holder.kind); !status.ok()) {
    return status.error();
  }
  clock_.observe(input.after.hlc);
  const Stamp stamp = clock_.next(now);
  const std::string sections =
      with_section({}, kStatusSection, stamp,
                   encode(ProviderStatus{input.status, input.text}, present.holder.session));
  InstanceRecord record;
  record.service = service->key();
  record.id = input.key.id;
  record.sections = sections;
  catalog_.merge(*service, present, record, version_ + 1, now);
  const uint64_t version = change(*service, input.key.id, now, out);
  return Reply(StatusSet{version, stamp, options_.clustered ? version : 0});
}

Result<Reply> Registry::register_unchanged(const Service& service, const Instance& body,
                                           bool publish, Now now, Outputs& out) {
  // Nobody is told, but the newer stamp is kept: a deregistration in flight from before must lose.
  // Where the client has been told of something newer than is known here, everybody is told.
  ++counters_.unchanged;
  const Stamp stamp = clock_.next(now);
  catalog_.restamp(service, body, stamp);
  const std::string id(body.id());
  if (is_checked(body)) {
    begin_checks(body.holder_slot, out);
  } else if (body.holder_kind() == HolderKind::kTtl) {
    renew_own_ttl(service, body, now, out);
  }
  if (publish) {
    change(service, id, now, out);
  } else {
    store(service, id, out);
  }
  return Reply(InstanceRegistered{InstanceRegistered::Effect::kUnchanged, service.version(), stamp,
                                  owed_version(service, id)});
}

/// The last change of the key that the bus has not acknowledged, or 0.
uint64_t Registry::owed_version(const SessionId& id) const {
  std::string key;
  encode_key(id, key);
  const Outbox::Entry* entry = outbox_.find(Stream::kTied, key);
  const bool owed = entry != nullptr && entry->reason == Outbox::Reason::kChange;
  return owed ? entry->version : 0;
}

uint64_t Registry::owed_version(const Service& service, std::string_view id) {
  if (!options_.clustered) return 0;
  const std::string_view key = key_of(service.key(), id);
  uint64_t version = 0;
  for (Stream stream : {Stream::kTied, Stream::kLasting}) {
    const Outbox::Entry* entry = outbox_.find(stream, key);
    if (entry != nullptr && entry->reason == Outbox::Reason::kChange) {
      version = std::max(version, entry->version);
    }
  }
  return version;
}

/// A sign of life of an instance with a TTL of its own: from now on this is its home.
void Registry::renew_own_ttl(const Service& service, const Instance& body, Now now, Outputs& out) {
  const std::string id(body.id());
  const Liveness& present = catalog_.ttl_liveness(body.holder_slot);
  if (!is_home(present)) {
    move_ttl(service, id, present, Cause::kNone, now, out);
    ++counters_.sessions_moved;
  }
  catalog_.renew_ttl(body, !stood_still(now), version_, now.mono_ms);
  revive(owner_of(body), now, out);
}

/// Begins the next epoch of an own TTL here.
void Registry::move_ttl(const Service& service, const std::string& id, const Liveness& present,
                        Cause cause, Now now, Outputs& out) {
  InstanceRecord record;
  record.service = service.key();
  record.id = id;
  const Health health = cause == Cause::kHomeLost ? present.health : Health::kUp;
  record.liveness = {present.epoch + 1, clock_.next(now), node_, false, cause, now.wall_ms, health};
  catalog_.merge(record, version_ + 1, now);
  change(service, id, now, out);
}

Status Registry::check_outbox(Stream stream, std::string_view key) {
  if (!options_.clustered || outbox_.changes() < options_.limits.max_outbox) return {};
  const Outbox::Entry* entry = outbox_.find(stream, key);
  if (entry != nullptr && entry->reason == Outbox::Reason::kChange) return {};
  ++counters_.outbox_full;
  return Error{ErrorCode::kOverloaded, "outbox",
               fmt::format("{} changes wait for the bus, which is the limit", outbox_.changes()),
               options_.limits.max_outbox};
}

Status Registry::check_outbox(const SessionId& id) {
  return check_outbox(Stream::kTied, key_of(id));
}

Status Registry::check_outbox(const InstanceKey& instance, HolderKind holder) {
  if (!options_.clustered || outbox_.changes() < options_.limits.max_outbox) return {};
  return check_outbox(stream_of(holder), key_of(instance.service, instance.id));
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

Status Registry::claim_holder(const RegisterInstance& input, const KeyState& present, Now now,
                              Outputs& out) {
  const Holder& holder = input.registration.holder;
  const Session* claimant = nullptr;  // none: no session will hold it
  if (holder.kind == HolderKind::kSession) {
    auto session = open_session(holder.session);
    if (!session.ok()) return session.error();
    claimant = *session;
  }
  if (present.body == nullptr || present.holder.kind != HolderKind::kSession ||
      present.holder.session == holder.session) {
    return {};
  }
  // Two sessions claim one id: the one opened later is the newer process.
  Session& rival = *sessions_.find(present.holder.session);
  if (claimant != nullptr && rival.opened > claimant->opened) return superseded(input.key.id);
  // Of one that is not known here its home will say which of the two goes on.
  if (rival.state != Session::State::kOpen) return {};
  if (!input.take_over && is_held(rival, claimant, *present.body, input.registration.view(), now)) {
    return Error{
        ErrorCode::kConflict, "id",
        fmt::format("'{}' is held by a living session at {}:{} ({}); choose another id, or "
                    "insist with take_over",
                    input.key.id, present.body->address(), present.body->port(),
                    rival.client.empty() ? "which gave no name" : rival.client),
        std::nullopt};
  }
  // What no session holds says nothing of the process that this one is.
  if (claimant == nullptr) return {};
  note_taken_over(input.key.service, input.key.id, rival, *claimant, out);
  supersede(rival, input.key.id, now, out);
  return {};
}

/// Whether an id is not to be given away: its holder lives, and is another than the claimant. A
/// process that was restarted, or has lost its session, comes back under its id at once: its old
/// session is not heard of any more, or it has the same address and port, or the same process id.
/// That an operator has taken it out changes nothing: one that waits for the id would be listed in
/// its place at once, and the operator's word would be over.
bool Registry::is_held(const Session& holder, const Session* claimant, const Instance& body,
                       const RegistrationView& claim, Now now) const {
  if (holder.liveness.health != Health::kUp || !is_home(holder.liveness)) return false;
  const bool same_place = body.is_at(claim.address, claim.port);
  const bool same_process = claimant != nullptr && holder.facts.is_same_process(claimant->facts);
  if (same_place || same_process || holder.moved_away) return false;
  if (is_mute(holder)) return true;
  // A heartbeat on its way is not missed yet.
  const int64_t heartbeat_ms = asked_heartbeat_ms(holder.ttl_ms);
  return holder.evidence_ms != 0 && now.mono_ms - holder.evidence_ms <= heartbeat_ms * 3 / 2;
}

Result<Reply> Registry::apply(const RefreshInstance& input, Now now, Outputs& out) {
  if (auto status = validate(input.key); !status.ok()) return status.error();
  const Service* service = catalog_.find(input.key.service);
  const Instance* live = service == nullptr ? nullptr : service->find_body(input.key.id);
  if (live == nullptr) return no_instance(input.key);
  if (live->holder_kind() != HolderKind::kTtl) {
    return Error{ErrorCode::kConflict, "id",
                 "names an instance without a ttl_ms of its own; its session needs the heartbeats",
                 std::nullopt};
  }
  if (is_checked(*live)) {
    return Error{ErrorCode::kConflict, "id",
                 "names an instance that is checked; it needs no heartbeats", std::nullopt};
  }
  renew_own_ttl(*service, *live, now, out);
  return Reply(InstanceRefreshed{catalog_.ttl_ms(*live), live->stamp});
}

/// Whether the registration here is the one that a removal is meant for, or an earlier one than
/// that.
Status Registry::check_meant(const DeregisterInstance& input, const KeyState& present, Now now,
                             Outputs& out) {
  if (input.session == SessionId{} || present.holder.session == input.session) return {};
  Error not_its_own{
      ErrorCode::kConflict, "session",
      fmt::format("does not hold '{}'; somebody else has registered it since", input.key.id),
      std::nullopt};
  if (input.after <= present.stamp) return not_its_own;
  const Session* session = sessions_.find(input.session);
  const bool known = session != nullptr && session->state != Session::State::kUnknown;
  if (!known) return no_instance(input.key);
  if (present.holder.kind != HolderKind::kSession) return {};
  Session& other = *sessions_.find(present.holder.session);
  if (other.state != Session::State::kOpen) return {};
  if (other.opened > session->opened) return not_its_own;
  note_taken_over(input.key.service, input.key.id, other, *session, out);
  supersede(other, input.key.id, now, out);
  return {};
}

/// Answers whoever asks for a removal once more, because the first answer was that it is not known
/// to be safe.
Result<Reply> Registry::removed_before(const DeregisterInstance& input, const Service* service,
                                       const KeyState& present) {
  const bool own = input.session == SessionId{} || input.session == present.holder.session;
  if (present.kind != RegistrationKind::kRemoved || !own) return no_instance(input.key);
  const uint64_t owed = owed_version(*service, input.key.id);
  if (owed == 0) return no_instance(input.key);
  return Reply(InstanceDeregistered{service->version(), present.stamp, owed});
}

Result<Reply> Registry::apply(const DeregisterInstance& input, Now now, Outputs& out) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  if (!input.by.empty()) return take_out(input, now, out);
  Service* service = catalog_.find(input.key.service);
  const KeyState present =
      service == nullptr ? KeyState{} : catalog_.state_of(*service, input.key.id);
  // Its client may have been told of a registration that has not come here yet.
  const bool told_of_more = input.after > present.stamp;
  if (present.body == nullptr) {
    if (!told_of_more) return removed_before(input, service, present);
    if (service == nullptr) service = &catalog_.find_or_add(input.key.service);
  } else if (auto status = check_meant(input, present, now, out); !status.ok()) {
    return status.error();
  }
  if (auto status = check_outbox(input.key, present.holder.kind); !status.ok()) {
    return status.error();
  }

  clock_.observe(input.after.hlc);
  if (input.drain_ms > 0 && present.body != nullptr) {
    return Reply(begin_drain(*service, present, now.wall_ms + input.drain_ms, now, out));
  }
  Holder holder = present.holder;
  if (input.session != SessionId{}) holder.kind = HolderKind::kSession;
  // Whose it is, not whose it was thought to be here.
  holder.session = input.session;
  return Reply(remove(*service, input.key.id, present, holder, Cause::kDeregistered, now, out));
}

/// Takes the instance out of the registry, for everybody. `holder`: whose it was.
InstanceDeregistered Registry::remove(Service& service, const std::string& id,
                                      const KeyState& present, const Holder& holder, Cause cause,
                                      Now now, Outputs& out) {
  InstanceRecord record;
  record.service = service.key();
  record.id = id;
  record.kind = RegistrationKind::kRemoved;
  record.stamp = clock_.next(now);
  record.cause = cause;
  record.removed_wall_ms = now.wall_ms;
  record.body.holder = holder;
  record.liveness = present.liveness;
  return restamped(service, present, record, now, out);
}

/// Merges a registration's next record, and tells everybody.
InstanceDeregistered Registry::restamped(Service& service, const KeyState& present,
                                         const InstanceRecord& record, Now now, Outputs& out) {
  const Stamp stamp = record.stamp;
  catalog_.merge(service, present, record, version_ + 1, now);
  const uint64_t version = change(service, record.id, now, out);
  return {version, stamp, options_.clustered ? version : 0};
}

}  // namespace callbook::core
