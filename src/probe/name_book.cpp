#include "probe/name_book.h"

#include <algorithm>

namespace callbook::probe {
namespace {

constexpr int64_t kLeastKnownMs = 1'000;
constexpr int64_t kMsPerS = 1'000;

bool is_answer(Lookup::Outcome outcome) {
  return outcome == Lookup::Outcome::kAddresses || outcome == Lookup::Outcome::kNoSuchName;
}

}  // namespace

const Lookup* NameBook::find(const std::string& name, int64_t now_ms) const {
  const auto found = names_.find(name);
  const bool known = found != names_.end() && now_ms < found->second.known_until_ms;
  return known ? &found->second.lookup : nullptr;
}

bool NameBook::is_ageing(const std::string& name, int64_t now_ms) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return false;
  const Name& held = found->second;
  const int64_t lifetime_ms = held.known_until_ms - held.known_since_ms;
  return held.lookup.outcome == Lookup::Outcome::kAddresses &&
         now_ms - held.known_since_ms >= lifetime_ms * 3 / 4;
}

void NameBook::begin(const std::string& name, int64_t now_ms) {
  forget_old(now_ms);
  Name& held = entry(name, now_ms);
  by_asked_.erase({held.asked_ms, name});
  held.asked_ms = now_ms;
  by_asked_.emplace(now_ms, name);
}

void NameBook::finish(const std::string& name, Lookup lookup, int64_t ttl_s, int64_t now_ms) {
  Name& held = entry(name, now_ms);
  const bool answers = is_answer(lookup.outcome);
  if (held.answered != answers) {
    held.answered = answers;
    answers ? ++answered_ : --answered_;
  }
  // What is still known holds though nobody answers now.
  if (!answers && now_ms < held.known_until_ms) return;
  int64_t known_ms = kNoAnswerMs;
  if (lookup.outcome == Lookup::Outcome::kNoSuchName) known_ms = kNoSuchNameMs;
  if (lookup.outcome == Lookup::Outcome::kAddresses) {
    const int64_t most_s = longest_ms_ / kMsPerS + 1;
    known_ms = std::max(std::clamp<int64_t>(ttl_s, 0, most_s) * kMsPerS, kLeastKnownMs);
  }
  held.lookup = std::move(lookup);
  held.known_since_ms = now_ms;
  held.known_until_ms = now_ms + std::min(known_ms, longest_ms_);
}

bool NameBook::resolver_in_doubt(int64_t now_ms) {
  forget_old(now_ms);
  const size_t unanswered = names_.size() - answered_;
  return names_.size() >= kLeastJudged && 2 * unanswered > names_.size();
}

void NameBook::forget_old(int64_t now_ms) {
  while (!by_asked_.empty() && by_asked_.begin()->first <= now_ms - kJudgedWithinMs) {
    forget(names_.find(by_asked_.begin()->second));
  }
}

void NameBook::forget(Names::iterator name) {
  if (name->second.answered) --answered_;
  by_asked_.erase({name->second.asked_ms, name->first});
  names_.erase(name);
}

NameBook::Name& NameBook::entry(const std::string& name, int64_t now_ms) {
  const auto found = names_.find(name);
  if (found != names_.end()) return found->second;
  if (names_.size() >= kMostNames) forget(names_.find(by_asked_.begin()->second));
  Name& made = names_[name];
  made.asked_ms = now_ms;
  by_asked_.emplace(now_ms, name);
  return made;
}

}  // namespace callbook::probe
