#include "node/seen_barrier.h"

#include <utility>

namespace callbook::node {
namespace {

/// Streams say nothing when they have written: that would cost every event of every stream, for
/// the few moments in which somebody waits.
constexpr int64_t kLookEveryMs = 5;

}  // namespace

bool SeenBarrier::answer(const Question& question, int64_t now_ms) const {
  const size_t unseen = catalog_.unseen(question.service, question.version);
  if (unseen > 0 && now_ms < question.deadline_ms) return false;
  question.done(unseen);
  return true;
}

void SeenBarrier::ask(Question question) {
  if (answer(question, clock_.now().mono_ms)) return;
  questions_.push_back(std::move(question));
  if (!timer_) timer_ = loop_.every(kLookEveryMs, [this] { look(); });
}

void SeenBarrier::look() {
  const int64_t now_ms = clock_.now().mono_ms;
  std::erase_if(questions_, [&](const Question& question) { return answer(question, now_ms); });
  if (questions_.empty()) timer_.reset();
}

void SeenBarrier::give_up() {
  for (const Question& question : std::exchange(questions_, {})) answer(question, INT64_MAX);
  timer_.reset();
}

}  // namespace callbook::node
