#include "sim/logged_answers.h"

#include <algorithm>
#include <utility>

namespace callbook::sim {
namespace {

base::Error not_logged(std::string detail) {
  return {base::ErrorCode::kAppliedNotLogged, "ack", std::move(detail), std::nullopt};
}

}  // namespace

void LoggedAnswers::add(Waiting waiting, const store::Log& log) {
  // Of a degraded log the position says nothing: what was to be appended was not.
  if (!log.degraded().empty()) {
    return waiting.done(not_logged("the change is in effect, but not on the disk"));
  }
  waiting_.push_back(std::move(waiting));
}

void LoggedAnswers::settle(const core::RecordSettled& settled) {
  for (Waiting& one : waiting_) {
    if (one.key == settled.key && one.version <= settled.version) one.key.clear();
  }
}

void LoggedAnswers::settle_all() {
  for (Waiting& one : waiting_) one.key.clear();
}

bool LoggedAnswers::waits_for_disk(const store::Log& log) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const Waiting& one) { return one.position > log.durable(); });
}

void LoggedAnswers::check(const store::Log& log, int64_t now_ms) {
  if (waiting_.empty()) return;
  std::vector<Waiting> open;
  std::vector<Waiting> ready;
  for (Waiting& one : waiting_) {
    const bool on_disk = one.position <= log.durable();
    if (!on_disk && !log.degraded().empty()) {
      one.reply = not_logged("the change is in effect, but not on the disk");
    } else if ((!on_disk || !one.key.empty()) && now_ms < one.until_ms) {
      open.push_back(std::move(one));
      continue;
    } else if (!on_disk || !one.key.empty()) {
      one.reply = not_logged("the change is in effect, but not known to be safe");
    }
    ready.push_back(std::move(one));
  }
  waiting_ = std::move(open);
  for (Waiting& one : ready) one.done(one.reply);
}

}  // namespace callbook::sim
