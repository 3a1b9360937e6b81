#include "sim/status_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

std::optional<core::ProviderState> said_by(core::InstanceState state) {
  switch (state) {
    case core::InstanceState::kStarting:
      return core::ProviderState::kStarting;
    case core::InstanceState::kNotReady:
      return core::ProviderState::kNotReady;
    case core::InstanceState::kFailing:
      return core::ProviderState::kFailing;
    default:
      return std::nullopt;
  }
}

}  // namespace

size_t StatusChecker::begin(KeyIndex key, ProcessNumber process, SessionIndex session,
                            core::ProviderState state) {
  words_.push_back({key, process, session, state, evidence_.now_ms(), true, std::nullopt});
  TraceLine line;
  line.time_ms = evidence_.now_ms();
  line.event = "says of itself";
  line.key = key;
  line.process = process;
  line.detail = core::name_of(state);
  evidence_.trace.add(std::move(line));
  return words_.size() - 1;
}

void StatusChecker::end(size_t number, const ClientPort::Answer& answer) {
  Word& word = words_[number];
  if (!answer) return;
  if (!answer->ok()) {
    word.in_doubt = answer->error().code == base::ErrorCode::kAppliedNotLogged;
    return;
  }
  word.in_doubt = false;
  word.stamp = std::get<core::StatusSet>(answer->value()).stamp;
  evidence_.count(Rule::kStatusSaid);
}

void StatusChecker::on_list_change(const ListChange& change) {
  if (!evidence_.settings.statuses) return;
  if (!change.after) left_ms_[change.key] = evidence_.now_ms();
  if (!change.after) return;
  const auto shown = said_by(change.after->state);
  if (!shown) return;
  evidence_.count(Rule::kStatusShown);
  const bool said = std::any_of(words_.begin(), words_.end(), [&](const Word& word) {
    return word.key == change.key && word.state == *shown && (word.in_doubt || word.stamp) &&
           is_of(word, change.after->owner);
  });
  if (said) return;
  fail(change.node, change.key,
       fmt::format("is listed as {}, which process {} has never said of it",
                   core::name_of(change.after->state), change.after->owner));
}

bool StatusChecker::is_of(const Word& word, ProcessNumber owner) const {
  if (word.process == owner) return true;
  return word.session == kNobody && evidence_.truth.process(owner).sessions.empty();
}

const StatusChecker::Word* StatusChecker::standing(KeyIndex key) const {
  const Word* last = nullptr;
  for (const Word& word : words_) {
    if (word.key != key || !word.stamp) continue;
    if (last == nullptr || *word.stamp > *last->stamp) last = &word;
  }
  if (last == nullptr) return nullptr;
  const auto left = left_ms_.find(key);
  const bool removed = left != left_ms_.end() && left->second >= last->begun_ms;
  if (removed && last->session == kNobody) return nullptr;
  const bool doubted = std::any_of(words_.begin(), words_.end(), [&](const Word& word) {
    return word.key == key && word.in_doubt;
  });
  if (doubted) return nullptr;
  for (const OperationIndex index : evidence_.truth.key(key).operations) {
    const Operation& operation = evidence_.truth.operation(index);
    const bool before = operation.ended_ms < last->begun_ms;
    const bool same = last->session != kNobody && operation.kind == Operation::Kind::kRegister &&
                      operation.owner == last->process && operation.session == last->session;
    if (!same && (!before || operation.in_doubt())) return nullptr;
  }
  return last;
}

void StatusChecker::finish() {
  if (!evidence_.settings.statuses) return;
  for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) {
    const Word* word = standing(key);
    if (word == nullptr) continue;
    for (size_t node = 0; node < evidence_.node_count(); ++node) {
      if (evidence_.conditions.running(node)) judge_at(node, *word);
    }
  }
}

void StatusChecker::judge_at(size_t node, const Word& word) {
  const auto listed = evidence_.listings.find(node, word.key);
  if (!listed || listed->owner != word.process) return;
  switch (listed->state) {
    case core::InstanceState::kDown:
    case core::InstanceState::kOutOfService:
    case core::InstanceState::kDraining:
      return;
    default:
      break;
  }
  const auto shown = said_by(listed->state);
  if (shown.value_or(core::ProviderState::kUp) != word.state) {
    return fail(node, word.key,
                fmt::format("is listed as {}, but its provider has said last that it is {} "
                            "(stamp {})",
                            core::name_of(listed->state), core::name_of(word.state),
                            evidence_.text_of(*word.stamp)));
  }
  if (shown) evidence_.count(Rule::kStatusStood);
}

void StatusChecker::fail(size_t node, KeyIndex key, std::string text) {
  Finding finding;
  finding.checker = "status";
  finding.node = node;
  finding.focus = evidence_.focus_on(key);
  finding.text = fmt::format("{} {}", evidence_.text_of(key), text);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
