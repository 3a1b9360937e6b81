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

/// The id of an instance is held by another process that lives, elsewhere.
bool is_held_by_another(const base::Error& error) {
  return error.code == ErrorCode::kConflict && error.field != "session";
}

/// Whether the same request may be answered otherwise in a while.
bool is_passing(ErrorCode code) {
  return is_the_servers_fault(code) || code == ErrorCode::kAppliedNotLogged;
}

/// Whether the same request would be refused again.
bool is_final(ErrorCode code) {
  return code == ErrorCode::kInvalid || code == ErrorCode::kLimit || code == ErrorCode::kConflict ||
         code == ErrorCode::kSuperseded;
}

}  // namespace

RegistrationPlan::RegistrationPlan(size_t instances, Random random)
    : random_(random),
      backoff_(random),
      conflict_backoff_(std::move(random), kFirstConflictMs, kLargestConflictMs),
      entries_(instances) {}

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
    owe(true);
    if (!std::exchange(beat_pending_, true)) add_timer(Kind::kStartBeat, beat_ms());
    advance();
  }
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::registered(uint64_t round, size_t index,
                                                       const base::Status& result) {
  if (phase_ != Phase::kRunning || round != round_) return {};
  if (!result.ok()) {
    entries_[index].registration = Progress::kOwed;
    if (is_held_by_another(result.error())) {
      retry_after(conflict_backoff_, 1, result.error());
    } else {
      react(result.error());
    }
    return flush();
  }
  entries_[index].registration = Progress::kDone;
  tell_if_registered();
  send_statuses();
  return flush();
}

void RegistrationPlan::tell_if_registered() {
  const auto done = [](const Entry& entry) { return entry.registration == Progress::kDone; };
  if (!std::all_of(entries_.begin(), entries_.end(), done)) return;
  conflict_backoff_.reset();
  add(Kind::kTellRegistered);
}

RegistrationPlan::Actions RegistrationPlan::attached(uint32_t epoch, bool speaks) {
  if (phase_ != Phase::kRunning || !session_) return {};
  session_->epoch = std::max(session_->epoch, epoch);
  session_->speaks = speaks;
  stream_ = Stream::kAttached;
  missed_beats_ = 0;
  for (Entry& entry : entries_) entry.confirmed = false;
  if (std::exchange(resend_, false)) {
    owe(false);
    tell_if_registered();  // where there is nothing to send
  }
  advance();
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::alive() {
  if (phase_ != Phase::kRunning) return {};
  backoff_.reset();
  bool any = false;
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (!entry.withdrawn || entry.confirmed) continue;
    // It ended while there was no stream, or this server knows nothing of it.
    entry.withdrawn = false;
    entry.registration = Progress::kOwed;
    add_for(Kind::kTellRestored, i);
    any = true;
  }
  if (any) advance();
  return flush();
}

void RegistrationPlan::withdrawn(size_t index) {
  entries_[index].withdrawn = true;
  entries_[index].confirmed = true;
}

RegistrationPlan::Actions RegistrationPlan::restored(size_t index) {
  if (phase_ != Phase::kRunning || !entries_[index].withdrawn) return {};
  entries_[index].withdrawn = false;
  add_for(Kind::kTellRestored, index);
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::status_changed(size_t index) {
  entries_[index].status = Progress::kOwed;
  if (phase_ == Phase::kRunning && session_ && !resume_ && !resend_) send_statuses();
  return flush();
}

RegistrationPlan::Actions RegistrationPlan::status_answered(uint64_t round, size_t index,
                                                            const base::Status& result) {
  if (phase_ != Phase::kRunning || round != round_) return {};
  Entry& entry = entries_[index];
  entry.sending = false;
  if (result.ok()) {
    if (entry.status == Progress::kSent) entry.status = Progress::kDone;
    send_statuses();
    return flush();
  }
  if (entry.status != Progress::kSent) return flush();  // another is owed already
  const ErrorCode code = result.error().code;
  // That the instance or its session is gone is told in other ways, and then it is sent again.
  entry.status = Progress::kDone;
  if (code == ErrorCode::kInvalid || code == ErrorCode::kLimit) {
    add_for(Kind::kTellStatusRefused, index);
    actions_.back().error = result.error();
  } else if (is_passing(code)) {
    entry.status = Progress::kOwed;  // with the next heartbeat
  }
  return flush();
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
  if (phase_ != Phase::kRunning) return {};
  if (result.ok()) {
    missed_beats_ = 0;
  } else if (result.error().code == ErrorCode::kNotFound || is_final(result.error().code)) {
    react(result.error());
  } else {
    miss_beat(result.error());
  }
  return flush();
}

/// Without a stream a heartbeat that found no server changes nothing: the stream's retries say
/// that. With one, this server hears what was opened long ago, but no more.
void RegistrationPlan::miss_beat(const base::Error& error) {
  if (stream_ != Stream::kAttached || !session_->speaks || servers_ < 2) return;
  if (++missed_beats_ < kMissedBeats) return;
  drop_stream();
  resend_ = true;
  retry_later(error);
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
  const bool spoken = stream_ == Stream::kAttached && !session_->speaks;
  if (!spoken && !std::exchange(beating_, true)) add(Kind::kHeartbeat);
  if (!resume_ && !resend_) send_statuses();
  beat_pending_ = true;
  add_timer(Kind::kStartBeat, beat_ms());
  return flush();
}

/// What is promised within each interval is sent in less than that, and not by all clients of a
/// server at once.
int64_t RegistrationPlan::beat_ms() {
  if (!session_->speaks) return session_->heartbeat_ms;
  const double share = 0.6 + 0.3 * random_();
  return std::max<int64_t>(
      static_cast<int64_t>(share * static_cast<double>(session_->heartbeat_ms)), 1);
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
  owe(true);
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
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].registration != Progress::kOwed) continue;
    entries_[i].registration = Progress::kSent;
    add_for(Kind::kRegister, i);
  }
  send_statuses();
}

/// The latest of each instance that is registered, one at a time.
void RegistrationPlan::send_statuses() {
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    const bool due = entry.status == Progress::kOwed && !entry.sending;
    if (!due || entry.registration != Progress::kDone) continue;
    entry.status = Progress::kSent;
    entry.sending = true;
    add_for(Kind::kSendStatus, i);
  }
}

void RegistrationPlan::owe(bool withdrawn_too) {
  ++round_;  // also makes the answers under way worthless
  for (Entry& entry : entries_) {
    const bool was_sending = std::exchange(entry.sending, false);
    const bool kept = entry.withdrawn && !withdrawn_too && entry.registration == Progress::kDone;
    if (!kept) entry.registration = Progress::kOwed;
    if (entry.status != Progress::kNothing && (was_sending || !kept)) {
      entry.status = Progress::kOwed;
    }
  }
}

void RegistrationPlan::react(const base::Error& error) {
  if (asks_to_resume(error) && session_) {
    drop_stream();
    resume_ = true;
    owe(true);
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
    owe(true);
  }
  retry_later(error);
}

void RegistrationPlan::drop_stream() {
  if (std::exchange(stream_, Stream::kNone) != Stream::kNone) add(Kind::kDetach);
}

void RegistrationPlan::retry_later(const base::Error& error) {
  retry_after(backoff_, servers_, error);
}

void RegistrationPlan::retry_after(Backoff& backoff, size_t servers, const base::Error& error) {
  if (std::exchange(retry_pending_, true)) return;
  add_timer(Kind::kStartRetry, backoff.next_ms(servers));
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

void RegistrationPlan::add_for(Kind kind, size_t index) {
  add(kind);
  actions_.back().index = index;
  actions_.back().round = round_;
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
