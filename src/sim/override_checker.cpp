#include "sim/override_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

/// Until what was said at a node without the bus is known to those that it reaches: an attempt that
/// was lost before, and the next one.
constexpr int64_t kSpreadMs = 8'000;
/// A node that rejoins as new takes nothing for a while.
constexpr int64_t kRejoiningMs = 120'000;

}  // namespace

size_t OverrideChecker::begin(KeyIndex key, size_t node, const core::Input& wanted) {
  Word word;
  word.key = key;
  word.node = node;
  if (const auto* set = std::get_if<core::SetOverride>(&wanted)) {
    word.effect.weight = set->weight;
    if (set->out_of_service) word.effect.state = core::InstanceState::kOutOfService;
  }
  const bool excludes = std::holds_alternative<core::DeregisterInstance>(wanted);
  word.effect.excludes = excludes;
  words_.push_back(word);
  say(word, excludes ? "is asked to take out" : "is asked to override");
  return words_.size() - 1;
}

void OverrideChecker::end(size_t number, const ClientPort::Answer& answer) {
  Word& word = words_[number];
  say(word, "answers an override",
      !answer        ? "no answer"
      : answer->ok() ? "ok"
                     : base::name_of(answer->error().code));
  if (!answer) return;
  if (!answer->ok()) {
    word.in_doubt = answer->error().code == base::ErrorCode::kAppliedNotLogged;
    if (word.in_doubt) note_applied(number);
    return;
  }
  word.in_doubt = false;
  word.said_ms = evidence_.now_ms();
  word.stamp = stamp_of_word(answer->value());
  if (evidence_.conditions.running(word.node)) judge(word.node, word.key, &word);
  spreading_.push_back(number);
}

/// What was said without the bus is in effect where it was said, and goes on from there. Of what
/// takes an instance out, or restores one, the record may end meanwhile for another reason.
void OverrideChecker::note_applied(size_t number) {
  Word& word = words_[number];
  const bool sets = word.effect.weight || word.effect.state != core::InstanceState::kUp;
  const OverrideFacts& known = evidence_.records.override_of(word.node, word.key);
  if (!sets || word.effect.excludes || !known.known) return;
  word.said_ms = evidence_.now_ms();
  word.applied = known.stamp;
  spreading_.push_back(number);
}

void OverrideChecker::on_step(size_t node, const Step& step) {
  if (std::holds_alternative<core::ReportBus>(step.input)) {
    bus_away_since_ms_[node] = kNever;
  } else if (std::holds_alternative<core::ReportBusLost>(step.input)) {
    bus_away_since_ms_[node] = std::min(bus_away_since_ms_[node], evidence_.now_ms());
  }
  while (!spreading_.empty() &&
         words_[spreading_.front()].said_ms + kSpreadMs <= evidence_.now_ms()) {
    const size_t number = spreading_.front();
    spreading_.pop_front();
    if (is_last(number)) judge_spread(words_[number]);
  }
}

/// Whether no operator has said anything of its instance since, as far as is known.
bool OverrideChecker::is_last(size_t number) const {
  return std::none_of(words_.begin() + static_cast<ptrdiff_t>(number) + 1, words_.end(),
                      [&](const Word& word) { return word.key == words_[number].key; });
}

void OverrideChecker::judge_spread(const Word& word) {
  const Conditions& conditions = evidence_.conditions;
  const auto hears = [&](size_t node) {
    return conditions.hears_nodes_since_ms(node) <= word.said_ms;
  };
  const bool rejoins = evidence_.now_ms() - conditions.last_rejoined_ms() < kRejoiningMs;
  if (rejoins || bus_away_since_ms_[word.node] > word.said_ms || !hears(word.node)) return;
  for (size_t node = 0; node < evidence_.node_count(); ++node) {
    if (node == word.node || !hears(node)) continue;
    evidence_.count(Rule::kToldDirectly);
    if (word.stamp) {
      judge(node, word.key, &word);
      continue;
    }
    const OverrideFacts& known = evidence_.records.override_of(node, word.key);
    if (known.known && known.stamp >= *word.applied) continue;
    fail(node, word.key,
         fmt::format("what an operator said of {} without the bus is not known after {} ms",
                     evidence_.text_of(word.key), kSpreadMs));
  }
}

void OverrideChecker::judge(size_t node, KeyIndex key, const Word* last) {
  std::string objected = objection(node, key, last);
  if (objected.empty() && last != nullptr) objected = unheard(node, key, *last);
  if (!objected.empty()) fail(node, key, std::move(objected));
}

void OverrideChecker::fail(size_t node, KeyIndex key, std::string text) {
  Finding finding;
  finding.checker = "override";
  finding.node = node;
  finding.focus = evidence_.focus_on(key);
  finding.text = std::move(text);
  evidence_.fail(std::move(finding));
}

void OverrideChecker::say(const Word& word, std::string_view event, std::string_view detail) {
  TraceLine line;
  line.time_ms = evidence_.now_ms();
  line.event = event;
  line.node = static_cast<uint32_t>(word.node);
  line.key = word.key;
  line.detail = detail;
  line.text =
      fmt::format("weight {} {}", word.effect.weight.value_or(0), core::name_of(word.effect.state));
  evidence_.trace.add(std::move(line));
}

std::string OverrideChecker::unheard(size_t node, KeyIndex key, const Word& last) const {
  const OverrideFacts& known = evidence_.records.override_of(node, key);
  // That it was removed is forgotten one day; that it was taken out is not, until that has ended.
  const bool restored = std::any_of(words_.begin(), words_.end(), [&](const Word& word) {
    return word.key == key && word.in_doubt && !word.effect.excludes;
  });
  const bool lasts =
      last.effect.excludes && !restored && !evidence_.taken_out.has_ended(key, *last.stamp);
  const bool behind = known.known ? known.stamp < *last.stamp : lasts;
  if (!behind) return {};
  return fmt::format("the last word of an operator on {} has stamp {}, and what is known {}",
                     evidence_.text_of(key), evidence_.text_of(*last.stamp),
                     known.known ? fmt::format("has stamp {}", evidence_.text_of(known.stamp))
                                 : std::string("is nothing"));
}

std::string OverrideChecker::objection(size_t node, KeyIndex key, const Word* last) const {
  const auto listed = evidence_.listings.find(node, key);
  if (!listed) return {};
  if ((last == nullptr ? Effect() : last->effect).shows_in(*listed)) return {};
  const bool by_doubt = std::any_of(words_.begin(), words_.end(), [&](const Word& word) {
    return word.key == key && word.in_doubt && word.effect.shows_in(*listed);
  });
  if (by_doubt) return {};
  std::string expected = "no operator has said anything of it";
  if (last != nullptr) {
    const auto weight = last->effect.weight;
    expected = fmt::format(
        "the last word of an operator (stamp {}) is weight {}, {}", evidence_.text_of(*last->stamp),
        weight ? std::to_string(*weight) : "as registered", core::name_of(last->effect.state));
  }
  return fmt::format("{} is listed with weight {} and state {}, but {}", evidence_.text_of(key),
                     listed->weight, core::name_of(listed->state), expected);
}

void OverrideChecker::finish() {
  std::vector<const Word*> last(evidence_.truth.key_count());
  for (const Word& word : words_) {
    if (word.stamp && (last[word.key] == nullptr || *word.stamp > *last[word.key]->stamp)) {
      last[word.key] = &word;
    }
  }
  for (KeyIndex key = 0; key < last.size(); ++key) {
    if (last[key] != nullptr && may_be_lost(*last[key])) continue;
    for (size_t node = 0; node < evidence_.node_count(); ++node) {
      if (evidence_.conditions.running(node)) judge(node, key, last[key]);
    }
  }
}

}  // namespace callbook::sim
