#include "core/outbox.h"

#include <algorithm>

#include "base/check.h"

namespace callbook::core {

std::string Outbox::place_key(Stream stream, std::string_view key) {
  std::string place(1, static_cast<char>(stream));
  return place.append(key);
}

bool Outbox::owe(Stream stream, std::string_view key, Reason reason, uint64_t version,
                 int64_t due_ms, int64_t wall_ms) {
  const auto [at, added] = entries_.try_emplace(place_key(stream, key));
  Entry& entry = at->second;
  if (added) {
    entry = {stream, std::string(key), reason, version, wall_ms, due_ms, ++last_order_, 0, 0, 0,
             false};
    waiting_.insert(place_of(entry));
    if (reason == Reason::kChange) ++changes_;
    return reason == Reason::kChange;
  }
  entry.version = std::max(entry.version, version);
  if (entry.ticket != 0) {
    entry.again = true;
  } else if (due_ms < entry.due_ms) {
    waiting_.erase(place_of(entry));
    entry.due_ms = due_ms;
    waiting_.insert(place_of(entry));
  }
  if (reason <= entry.reason) return false;
  entry.reason = reason;
  entry.since_wall_ms = wall_ms;
  ++changes_;
  return true;
}

const Outbox::Entry* Outbox::next_due(int64_t now_ms) const {
  if (waiting_.empty()) return nullptr;
  const Entry* first = std::get<const Entry*>(*waiting_.begin());
  return first->due_ms <= now_ms ? first : nullptr;
}

Outbox::Entry& Outbox::mutable_entry(const Entry& entry) {
  return entries_.find(place_key(entry.stream, entry.key))->second;
}

uint64_t Outbox::sent(const Entry& entry, int64_t now_ms) {
  Entry& sent = mutable_entry(entry);
  CALLBOOK_CHECK(sent.ticket == 0);
  waiting_.erase(place_of(sent));
  sent.ticket = ++last_ticket_;
  sent.sent_version = sent.version;
  sent.sent_ms = now_ms;
  sent.again = false;
  flying_.emplace(sent.ticket, &sent);
  return sent.ticket;
}

void Outbox::land(Entry& entry) {
  flying_.erase(entry.ticket);
  entry.ticket = 0;
}

void Outbox::drop(const Entry& entry) {
  Entry& dropped = mutable_entry(entry);
  if (dropped.reason == Reason::kChange) --changes_;
  if (dropped.ticket != 0) {
    land(dropped);
  } else {
    waiting_.erase(place_of(dropped));
  }
  entries_.erase(place_key(dropped.stream, std::string(dropped.key)));
}

const Outbox::Entry* Outbox::in_flight(uint64_t ticket) const {
  const auto found = flying_.find(ticket);
  return found == flying_.end() ? nullptr : found->second;
}

Outbox::Settled Outbox::acknowledged(const Entry& entry) {
  Entry& settled = mutable_entry(entry);
  const Settled result{settled.reason, settled.sent_version, !settled.again};
  if (result.left) {
    drop(entry);
    return result;
  }
  land(settled);
  settled.again = false;
  settled.due_ms = settled.sent_ms;  // has waited long enough
  waiting_.insert(place_of(settled));
  return result;
}

void Outbox::failed(const Entry& entry, int64_t due_ms) {
  Entry& owed = mutable_entry(entry);
  land(owed);
  owed.due_ms = due_ms;
  waiting_.insert(place_of(owed));
}

void Outbox::fail_all(int64_t due_ms) {
  while (!flying_.empty()) failed(*flying_.begin()->second, due_ms);
}

void Outbox::fail_older(int64_t sent_before_ms, int64_t due_ms) {
  while (!flying_.empty() && flying_.begin()->second->sent_ms < sent_before_ms) {
    failed(*flying_.begin()->second, due_ms);
  }
}

const Outbox::Entry* Outbox::find(Stream stream, std::string_view key) const {
  if (entries_.empty()) return nullptr;
  const auto found = entries_.find(place_key(stream, key));
  return found == entries_.end() ? nullptr : &found->second;
}

Outbox::Settled Outbox::heard(const Entry& entry) {
  const Settled result{entry.reason, entry.version, true};
  drop(entry);
  return result;
}

}  // namespace callbook::core
