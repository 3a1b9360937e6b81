// Another data center, as one of its nodes tells. Its latest word counts, whatever was heard
// before: nothing is merged, since nobody but that node has a say.

#include "base/check.h"
#include "core/registry.h"

namespace callbook::core {

using base::Now;
using base::Result;

Result<Reply> Registry::apply(const MirrorRecords& input, Now now, Outputs& out) {
  CALLBOOK_CHECK(options_.mirror);
  if (input.first) ++round_;
  for (const BusMessage& message : input.records) mirror(message, now, out);
  if (input.last) {
    // What the node does not hold any more has gone while nobody listened to it.
    sweep(now, out);
    begin_service(Phase::kServing, now);
  }
  return Reply(Done{});
}

void Registry::mirror(const BusMessage& message, Now now, Outputs& out) {
  if (is_private_key(message.key)) return;
  const bool erased = message.value.empty();
  const auto decoded = decode_record(message.key, message.value);
  if (!decoded.ok()) {
    ++counters_.not_understood;
  } else if (const auto* session = std::get_if<SessionRecord>(&*decoded)) {
    mirror(*session, erased, now, out);
  } else if (const auto* instance = std::get_if<InstanceRecord>(&*decoded)) {
    mirror(*instance, erased, now);
  } else if (const auto* said = std::get_if<OverrideRecord>(&*decoded)) {
    mirror(*said, erased);
  }
}

void Registry::mirror(const SessionRecord& record, bool erased, Now now, Outputs& out) {
  Session* known = sessions_.find(record.id);
  if (!erased) {
    // A data center that was made anew begins its epochs again.
    if (known != nullptr && known->liveness.newer_than(record.liveness)) known->liveness = {};
    if (known != nullptr) known->superseded_instance.clear();
    merge_session(record, now, out);
  } else if (known != nullptr && known->instances.empty()) {
    forget_session(sessions_.slot_of(*known));
  }
}

void Registry::mirror(const InstanceRecord& record, bool erased, Now now) {
  if (Service* known = catalog_.find(record.service)) {
    const KeyState present = catalog_.state_of(*known, record.id);
    const bool newer = present.stamp > record.stamp || present.liveness.newer_than(record.liveness);
    if (erased || newer) catalog_.erase(*known, record.id, ++version_);
  }
  if (erased) return;
  if (catalog_.merge(record, version_ + 1, now)) ++version_;
  Service* service = catalog_.find(record.service);
  if (service == nullptr) return;
  catalog_.note_heard(*service, record.id, round_);
  // Of a session whose record is still to come as much has been heard as of its instances.
  if (record.body.holder.kind != HolderKind::kSession) return;
  Session* holder = sessions_.find(record.body.holder.session);
  if (holder != nullptr && holder->state == Session::State::kUnknown) holder->round = round_;
}

void Registry::mirror(const OverrideRecord& record, bool erased) {
  Service* const service = catalog_.find(record.service);
  const Override* said = service == nullptr ? nullptr : service->find_override(record.id);
  const bool newer = said != nullptr && said->stamp > record.stamp;
  if (said != nullptr && (erased || newer)) {
    catalog_.erase_override(*service, record.id, ++version_);
  }
  if (!erased) {
    if (catalog_.merge(record, version_ + 1)) ++version_;
    catalog_.find(record.service)->find_override(record.id)->round = round_;
  }
}

}  // namespace callbook::core
