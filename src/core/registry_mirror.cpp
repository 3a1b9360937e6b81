// Another data center, as one of its nodes tells.

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
  if (!erased) {
    merge_session(record, now, out);
    return;
  }
  const Session* known = sessions_.find(record.id);
  if (known != nullptr && known->instances.empty()) forget_session(sessions_.slot_of(*known));
}

void Registry::mirror(const InstanceRecord& record, bool erased, Now now) {
  if (!erased) {
    if (catalog_.merge(record, version_ + 1, now)) ++version_;
  } else if (Service* known = catalog_.find(record.service)) {
    catalog_.erase(*known, record.id, ++version_);
  }
  if (Service* service = catalog_.find(record.service); service != nullptr && !erased) {
    catalog_.note_heard(*service, record.id, round_);
  }
}

void Registry::mirror(const OverrideRecord& record, bool erased) {
  if (!erased) {
    if (catalog_.merge(record, version_ + 1)) ++version_;
    catalog_.find(record.service)->find_override(record.id)->round = round_;
  } else if (Service* known = catalog_.find(record.service)) {
    catalog_.erase_override(*known, record.id, ++version_);
  }
}

}  // namespace callbook::core
