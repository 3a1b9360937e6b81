// How a provider leaves in order.

#include <algorithm>
#include <utility>

#include "sim/provider.h"

namespace callbook::sim {
namespace {

constexpr int64_t kCallTimeoutMs = 2'000;
constexpr uint32_t kMostStopTries = 8;

}  // namespace

/// From here on its process counts as ended: whatever it still asks for is meant to end it.
void Provider::stop() {
  if (!running()) return;
  if (paused()) return later(0, [this] { stop(); });
  drop_stream();
  ++era_;
  phase_ = Phase::kStopping;
  say("is left in order", node_);
  checkers_.truth().end_process(process_, TrueProcess::End::kStopped);
  if (session_ != kNobody) checkers_.truth().begin_close(session_);
  stop_by_items_ = !owns_session() || random_.chance(0.3);
  for (Item& item : items_) {
    item.wanted = false;
    item.settled = false;
    item.in_flight = false;
  }
  stop_step();
}

void Provider::leave() {
  phase_ = Phase::kGone;
  port_.stop_listening(process_);
}

void Provider::stop_step() {
  if (phase_ != Phase::kStopping) return;
  if (++stop_tries_ > kMostStopTries) {
    leave();
    return;
  }
  const auto left =
      std::find_if(items_.begin(), items_.end(), [](const Item& item) { return !item.settled; });
  // Without a session it does not know what is its own: what it may have left lapses.
  const bool knows_its_own = !owns_session() || session_ != kNobody;
  if (stop_by_items_ && knows_its_own && left != items_.end()) {
    left->in_flight = true;
    ++operations_;
    core::DeregisterInstance input{checkers_.truth().key(left->place.key).key, {}};
    if (settings_.client_tokens) input.after = left->after;
    if (owns_session()) input.session = checkers_.truth().session(session_).id;
    const auto index = static_cast<size_t>(left - items_.begin());
    const OperationIndex operation = checkers_.truth().begin_deregister(
        left->place.key, process_, session_, node_, core::Ack::kLocal);
    port_.call(client_, node_, input, core::Ack::kLocal, kCallTimeoutMs,
               [this, index, operation, after = input.after](const ClientPort::Answer& answer) {
                 checkers_.truth().end_operation(operation, answer);
                 checkers_.answered(operation, after);
                 const bool not_mine = answer && !answer->ok() &&
                                       (answer->error().code == base::ErrorCode::kNotFound ||
                                        answer->error().code == base::ErrorCode::kConflict);
                 const bool done = not_mine || (answer && answer->ok());
                 if (done) {
                   items_[index].settled = true;
                   --stop_tries_;
                 }
                 stopped_step(answer);
               });
    return;
  }
  close_session();
}

void Provider::close_session() {
  if (!owns_session() || session_ == kNobody) {
    leave();
    return;
  }
  ++operations_;
  port_.call(client_, node_, core::CloseSession{checkers_.truth().session(session_).id},
             core::Ack::kLocal, kCallTimeoutMs, [this](const ClientPort::Answer& answer) {
               if (answer && answer->ok()) {
                 say("has closed", node_);
                 leave();
                 return;
               }
               stopped_step(answer);
             });
}

void Provider::stopped_step(const ClientPort::Answer& answer) {
  if (phase_ != Phase::kStopping) return;
  if (answer && answer->ok()) return stop_step();
  node_ = other_node();
  later(1 + backoff_.next_ms(), [this] { stop_step(); });
}

}  // namespace callbook::sim
