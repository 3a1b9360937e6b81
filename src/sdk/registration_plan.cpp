#include "sdk/registration_plan.h"

#include <algorithm>
#include <utility>

namespace callbook::sdk {
namespace {

using base::ErrorCode;
using Kind = PlanAction::Kind;

/// The session is known, but must be resumed, and what it carries registered again: it has gone on
/// at another node, or a registration of it was forgotten.
bool asks_to_resume(const base::Error& error) {
  return error.code == ErrorCode::kConflict && error.field == "session";
}

/// Whether the same request would be refused again.
bool is_final(ErrorCode code) {
  return code == ErrorCode::kInvalid || code == ErrorCode::kLimit || code == ErrorCode::kConflict ||
         code == ErrorCode::kSuperseded;
}

}  // namespace

RegistrationPlan::RegistrationPlan(size_t instances, Random random)
    : backoff_(std::move(random)), registrations_(instances, Registration::kOwed) {}

RegistrationPlan::Actions RegistrationPlan::start() {
  advance();
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::stop() {
  if (phase_ == Phase::kRunning) begin_close();
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::opened(base::Result<SessionGrant> result) {
  opening_ = false;
  if (phase_ == Phase::kClosing) {
    if (!result.ok()) {
      finish(fatal_);
      return flush();
    }
    session_ = std::move(*result);
    add(Kind::kCloseSession);
  } else if (phase_ == Phase::kRunning) {
    if (!result.ok()) {
      // There is no session yet that could be unknown or superseded: only what is wrong with the
      // request itself ends the plan.
      react(result.error());
      return flush();
    }
    session_ = std::move(*result);
    resume_ = false;
    resend_ = false;
    owe_all();
    if (!std::exchange(beat_pending_, true)) add_timer(Kind::kStartBeat, session_->heartbeat_ms);
    advance();
  }
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::registered(uint64_t round, size_t index,
                                                       const base::Status& result) {
  if (phase_ != Phase::kRunning || round != round_) return {};
  if (!result.ok()) {
    registrations_[index] = Registration::kOwed;
    react(result.error());
    return flush();
  }
  registrations_[index] = Registration::kDone;
  const auto done = [](Registration state) { return state == Registration::kDone; };
  if (std::all_of(registrations_.begin(), registrations_.end(), done)) add(Kind::kTellRegistered);
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::attached(uint32_t epoch) {
  if (phase_ != Phase::kRunning || !session_) return {};
  session_->epoch = std::max(session_->epoch, epoch);
  stream_ = Stream::kAttached;
  if (std::exchange(resend_, false)) owe_all();
  advance();
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::alive() {
  backoff_.reset();
  return {};
}

RegistrationPlan::Actions RegistrationPlan::ended(const base::Error& error) {
  if (phase_ != Phase::kRunning) return {};
  // Closed by somebody else while this provider lives: as good as unknown.
  base::Error reason = error;
  const bool goes_on = asks_to_resume(error) || reason.code == ErrorCode::kSuperseded;
  if (!goes_on) reason.code = ErrorCode::kNotFound;
  react(reason);
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::detached(const base::Error& error) {
  stream_ = Stream::kNone;
  resend_ = true;
  if (phase_ == Phase::kRunning) react(error);
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::heartbeat_answered(const base::Status& result) {
  beating_ = false;
  // A heartbeat that found no server changes nothing: the stream's retries say that.
  if (phase_ == Phase::kRunning && !result.ok() &&
      (result.error().code == ErrorCode::kNotFound || is_final(result.error().code))) {
    react(result.error());
  }
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::closed(const base::Status& result) {
  if (phase_ != Phase::kClosing) return {};
  const bool gone = result.ok() || result.error().code == ErrorCode::kNotFound;
  drop_stream();
  finish(fatal_ || gone ? fatal_ : result.error());
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::retry_due() {
  retry_pending_ = false;
  advance();
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::beat_due() {
  beat_pending_ = false;
  if (phase_ != Phase::kRunning || !session_) return {};
  if (stream_ != Stream::kAttached && !std::exchange(beating_, true)) add(Kind::kHeartbeat);
  beat_pending_ = true;
  add_timer(Kind::kStartBeat, session_->heartbeat_ms);
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::deadline_due() {
  if (phase_ != Phase::kClosing) return {};
  drop_stream();
  finish(
      fatal_
          ? fatal_
          : base::Error{
                ErrorCode::kOverloaded, {}, "the registry did not close the session in time", {}});
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::moved() {
  if (phase_ != Phase::kRunning) return {};
  drop_stream();
  opening_ = false;
  beating_ = false;
  owe_all();
  resend_ =
      session_.has_value();  // only once that server has shown, by attaching, that it knows it
  return flush();
}

void RegistrationPlan::advance() {
  if (phase_ != Phase::kRunning || retry_pending_) return;
  if (!session_ || resume_) {
    if (!std::exchange(opening_, true)) add(Kind::kOpenSession);
    return;
  }
  if (stream_ == Stream::kNone) {
    stream_ = Stream::kConnecting;
    add(Kind::kAttach);
  }
  if (resend_) return;
  for (size_t i = 0; i < registrations_.size(); ++i) {
    if (registrations_[i] != Registration::kOwed) continue;
    registrations_[i] = Registration::kSent;
    add(Kind::kRegister);
    actions_.back().index = i;
    actions_.back().round = round_;
  }
}

void RegistrationPlan::owe_all() {
  ++round_;
  std::fill(registrations_.begin(), registrations_.end(), Registration::kOwed);
}

void RegistrationPlan::react(const base::Error& error) {
  if (asks_to_resume(error) && session_) {
    drop_stream();
    resume_ = true;
    owe_all();
    return retry_later(error);
  }
  if (is_final(error.code)) {
    fatal_ = error;
    begin_close();
    return;
  }
  if (error.code == ErrorCode::kNotFound) {
    drop_stream();
    session_.reset();
    resume_ = false;
    owe_all();  // also makes the answers under way worthless
  }
  retry_later(error);
}

void RegistrationPlan::drop_stream() {
  if (std::exchange(stream_, Stream::kNone) != Stream::kNone) add(Kind::kDetach);
}

void RegistrationPlan::retry_later(const base::Error& error) {
  if (std::exchange(retry_pending_, true)) return;
  add_timer(Kind::kStartRetry, backoff_.next_ms(servers_));
  add_error(Kind::kTellTrouble, error);
}

// The stream stays until the session is closed: to the server, a stream that ends before is a
// provider that died.
void RegistrationPlan::begin_close() {
  phase_ = Phase::kClosing;
  if (session_) {
    add(Kind::kCloseSession);
  } else if (!opening_) {
    finish(fatal_);
    return;
  }
  add_timer(Kind::kStartDeadline, kCloseTimeoutMs);
}

void RegistrationPlan::finish(std::optional<base::Error> error) {
  phase_ = Phase::kFinished;
  add_error(Kind::kTellFinished, std::move(error));
}

void RegistrationPlan::add(Kind kind) {
  PlanAction& action = actions_.emplace_back();
  action.kind = kind;
  if (!session_) return;
  action.session = session_->id;
  action.epoch = session_->epoch;
}

void RegistrationPlan::add_timer(Kind kind, int64_t delay_ms) {
  add(kind);
  actions_.back().delay_ms = delay_ms;
}

void RegistrationPlan::add_error(Kind kind, std::optional<base::Error> error) {
  add(kind);
  actions_.back().error = std::move(error);
}

RegistrationPlan::Actions RegistrationPlan::flush() {
  return std::exchange(actions_, {});
}

}  // namespace callbook::sdk
