#include "core/suspects.h"

namespace callbook::core {

uint64_t Suspects::add(Suspect suspect, int64_t due_ms) {
  const uint64_t number = ++last_number_;
  entries_.emplace(number, Entry{suspect, due_ms});
  due_.emplace(due_ms, number);
  return number;
}

Suspect* Suspects::find(uint64_t number) {
  const auto found = entries_.find(number);
  return found == entries_.end() ? nullptr : &found->second.suspect;
}

void Suspects::erase(uint64_t number) {
  const auto found = entries_.find(number);
  if (found == entries_.end()) return;
  due_.erase({found->second.due_ms, number});
  entries_.erase(found);
}

void Suspects::schedule(uint64_t number, int64_t due_ms) {
  Entry& entry = entries_.at(number);
  due_.erase({entry.due_ms, number});
  entry.due_ms = due_ms;
  due_.emplace(due_ms, number);
}

std::optional<uint64_t> Suspects::take_due(int64_t now_ms) {
  if (due_.empty() || due_.begin()->first > now_ms) return std::nullopt;
  const uint64_t number = due_.begin()->second;
  due_.erase(due_.begin());
  return number;
}

}  // namespace callbook::core
