#include "cli/own_hold.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cli/list_text.h"
#include "sdk/registration_plan.h"

namespace callbook::cli {
namespace {

using base::ErrorCode;

/// A request is given up before it delays the heartbeats behind it for too long.
constexpr int64_t kRequestTimeoutMs = 5'000;
constexpr int64_t kHeartbeatsInTtl = 3;
/// Before an id that another process holds is asked for again.
constexpr int64_t kLeastConflictMs = 500;

}  // namespace

OwnHold::OwnHold(net::EventLoop& loop, Options options, sdk::Random random, Hold::Owner& owner)
    : loop_(loop),
      options_(std::move(options)),
      owner_(owner),
      backoff_(random),
      conflict_backoff_(std::move(random), sdk::RegistrationPlan::kFirstConflictMs,
                        sdk::RegistrationPlan::kLargestConflictMs),
      first_(options_.first),
      client_(loop, options_.registries, kRequestTimeoutMs) {
  if (options_.registries->is_waiting()) {
    listener_ = std::make_shared<std::function<void()>>([this] { after(0); });
    options_.registries->when_looked_up(listener_);
  } else {
    after(0);
  }
}

int64_t OwnHold::period_ms() const {
  const int64_t ttl_ms = options_.announcement.ttl_ms;
  return ttl_ms > 0 ? std::min(ttl_ms / kHeartbeatsInTtl, kLookMs) : kLookMs;
}

void OwnHold::after(int64_t delay_ms) {
  timer_ = loop_.after(delay_ms, [this] { act(); });
}

void OwnHold::act() {
  if (phase_ != Phase::kRegistering && phase_ != Phase::kHeld) return;
  if (!client_.turn()) {
    const base::Error error = options_.registries->nobody();
    options_.registries->found_none();
    return on_error(error);
  }
  if (phase_ == Phase::kRegistering) return send_registration();
  if (options_.announcement.ttl_ms > 0) return send_heartbeat();
  look();
}

void OwnHold::send_registration() {
  client_->put_instance(options_.service, options_.instance.id,
                        encode_own(options_.instance, options_.announcement, first_),
                        first_ && options_.announcement.take_over,
                        [this](const base::Result<sdk::RegistrationAnswer>& answer) {
                          if (phase_ != Phase::kRegistering) return;
                          if (!answer.ok()) return on_error(answer.error());
                          phase_ = Phase::kHeld;
                          first_ = false;
                          backoff_.reset();
                          conflict_backoff_.reset();
                          client_.succeeded();
                          if (missing_) return look();
                          troubled_ = false;
                          after(period_ms());
                          owner_.on_registered();
                        });
}

void OwnHold::send_heartbeat() {
  client_->refresh_instance(
      options_.service, options_.instance.id, [this](const base::Result<uint64_t>& answer) {
        if (phase_ != Phase::kHeld) return;
        // Held otherwise by now: a look says by what.
        const bool conflict = !answer.ok() && answer.error().code == ErrorCode::kConflict;
        if (!answer.ok() && !conflict) return on_error(answer.error());
        look();
      });
}

void OwnHold::look() {
  client_->get_instance(options_.service, options_.instance.id,
                        [this](const base::Result<sdk::Instance>& listed) { on_listed(listed); });
}

void OwnHold::on_listed(const base::Result<sdk::Instance>& listed) {
  if (phase_ != Phase::kHeld) return;
  if (!listed.ok()) return on_error(listed.error());
  const sdk::Instance& own = options_.instance;
  if (listed->address != own.address || listed->port != own.port) {
    return finish(base::Error{
        ErrorCode::kSuperseded, "id",
        fmt::format("'{}' is registered at {} by another process", own.id, place_of(*listed)),
        std::nullopt});
  }
  backoff_.reset();
  client_.succeeded();
  after(period_ms());
  missing_ = false;
  if (std::exchange(troubled_, false)) owner_.on_registered();
}

/// It was forgotten, or has lapsed; or an operator keeps it out.
void OwnHold::on_missing(const base::Error& error) {
  phase_ = Phase::kRegistering;
  if (!std::exchange(missing_, true)) return after(0);  // not at once: this is the client's call
  troubled_ = true;
  after(kLookMs);
  owner_.on_trouble(error);
}

void OwnHold::on_error(const base::Error& error) {
  if (error.code == ErrorCode::kNotFound && phase_ == Phase::kHeld) return on_missing(error);
  const bool conflict = error.code == ErrorCode::kConflict && phase_ == Phase::kRegistering;
  if (!conflict && !sdk::is_the_servers_fault(error.code)) return finish(error);
  troubled_ = true;
  if (conflict) {
    missing_ = false;  // it is another's now
    after(kLeastConflictMs + conflict_backoff_.next_ms());
  } else {
    client_.failed(error);
    after(backoff_.next_ms(std::max<size_t>(options_.registries->size(), 1)));
  }
  owner_.on_trouble(error);
}

void OwnHold::stop() {
  if (phase_ == Phase::kStopping || phase_ == Phase::kFinished) return;
  // One that is kept out is registered, though it is not listed.
  const bool held = (phase_ == Phase::kHeld || missing_) && client_.get() != nullptr;
  phase_ = Phase::kStopping;
  timer_.reset();
  if (!held) return finish({});
  deadline_ = loop_.after(kStopTimeoutMs, [this] {
    finish(base::Error{
        ErrorCode::kOverloaded, {}, "the registry did not take the instance out in time", {}});
  });
  client_->remove(options_.service, options_.instance.id, {}, {},
                  [this](const base::Result<sdk::RemovalAnswer>& answer) {
                    if (phase_ != Phase::kStopping) return;
                    const bool gone = answer.ok() || answer.error().code == ErrorCode::kNotFound;
                    finish(gone ? base::Status() : base::Status(answer.error()));
                  });
}

void OwnHold::finish(const base::Status& status) {
  phase_ = Phase::kFinished;
  timer_.reset();
  deadline_.reset();
  owner_.on_finished(status);
}

}  // namespace callbook::cli
