#include "sim/replay_checker.h"

#include <fmt/format.h>

namespace callbook::sim {

using core::HolderKind;
using core::RegistrationKind;
using core::Stream;

void ReplayChecker::finish(const Bus& bus) {
  const auto& faults = evidence_.settings.faults;
  for (const Fault losing : {Fault::kBusTailLost, Fault::kBusForked}) {
    if (faults[static_cast<size_t>(losing)]) return;
  }
  for (const Stream stream : {Stream::kTied, Stream::kLasting}) {
    const BusStream& held = bus.stream(stream);
    Last& last = last_[core::index_of(stream)];
    for (size_t i = 0; i < held.size(); ++i) last[held.at(i)->key] = held.at(i)->value;
  }
  for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) {
    const auto listed = evidence_.listings.find(0, key);
    if (!listed) continue;
    const std::string objected = objection(key, *listed);
    if (objected.empty()) continue;
    Finding finding;
    finding.checker = "replay";
    finding.focus = evidence_.focus_on(key);
    finding.text = fmt::format("{} is listed with rev {}, but who learns from the bus alone {}",
                               evidence_.text_of(key), listed->rev, objected);
    return evidence_.fail(std::move(finding));
  }
}

std::string ReplayChecker::objection(KeyIndex key, const Listing& listed) const {
  const core::InstanceKey& named = evidence_.truth.key(key).key;
  std::string encoded;
  core::encode_key(kDatacenter, named.service, named.id, encoded);
  std::string objected = "never hears of it";
  for (const Stream stream : {Stream::kTied, Stream::kLasting}) {
    const Last& last = last_[core::index_of(stream)];
    const auto found = last.find(encoded);
    if (found == last.end()) continue;
    const auto record = core::decode_record(found->first, found->second);
    if (!record.ok()) return "can't read its record";
    objected = objection(std::get<core::InstanceRecord>(*record), stream, listed);
    if (objected.empty()) break;
  }
  return objected;
}

std::string ReplayChecker::objection(const core::InstanceRecord& record, Stream stream,
                                     const Listing& listed) const {
  if (record.kind != RegistrationKind::kBody) return "believes that it has left";
  const auto rev = rev_of(record.body.metadata);
  if (rev != listed.rev) return fmt::format("knows rev {}", rev.value_or(0));
  const core::Holder& holder = record.body.holder;
  if (holder.kind == HolderKind::kPersistent) {
    return stream == Stream::kLasting ? "" : "knows it until it ages out";
  }
  if (holder.kind == HolderKind::kTtl) {
    return record.liveness.ended ? "believes that its TTL has lapsed" : "";
  }
  std::string session_key;
  core::encode_key(holder.session, session_key);
  const Last& tied = last_[core::index_of(Stream::kTied)];
  const auto found = tied.find(session_key);
  if (found == tied.end()) return "never hears of its session";
  const auto session = core::decode_record(found->first, found->second);
  if (!session.ok()) return "can't read the record of its session";
  const bool ended = std::get<core::SessionRecord>(*session).liveness.ended;
  return ended ? "believes that its session has ended" : "";
}

}  // namespace callbook::sim
