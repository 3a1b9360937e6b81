#include "core/direct_line.h"

#include "base/check.h"

namespace callbook::core {

void DirectLine::begin(const Outbox& outbox) {
  if (active_) return;
  active_ = true;
  outbox.for_each_change_after({}, [this](const std::string&, const Outbox::Entry& entry) {
    note(entry.stream, entry.key);
    return true;
  });
}

void DirectLine::end() {
  active_ = false;
  changes_.clear();
  numbers_.clear();
}

void DirectLine::note(Stream stream, std::string_view key) {
  CALLBOOK_CHECK(active_);
  uint64_t& number = numbers_[Place(stream, key)];
  if (number != 0) changes_.erase(number);
  number = ++last_number_;
  changes_.emplace(number, Change{stream, std::string(key)});
  if (changes_.size() > kMostRecords) drop(changes_.begin()->first);
}

void DirectLine::drop(uint64_t number) {
  const auto found = changes_.find(number);
  if (found == changes_.end()) return;
  numbers_.erase(Place(found->second.stream, found->second.key));
  changes_.erase(found);
}

}  // namespace callbook::core
