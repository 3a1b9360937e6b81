// What a provider says of its instances.

#include "sim/provider.h"

namespace callbook::sim {
namespace {

constexpr int64_t kTimeoutMs = 7'000;

}  // namespace

void Provider::say_status_later() {
  later(status_random_.between(4'000, 40'000), [this] {
    if (gone() || checkers_.faults_ended_ms() != kNever) return;
    say_status();
    say_status_later();
  });
}

void Provider::say_status() {
  if (phase_ != Phase::kConnected || paused() || items_.empty()) return;
  const Item& item = items_[status_random_.index(items_.size())];
  const auto state = static_cast<core::ProviderState>(
      status_random_.chance(0.4) ? 0 : status_random_.between(1, core::kProviderStateCount - 1));
  if (!item.wanted || !item.settled || item.in_flight) return;
  core::SetStatus input;
  input.key = checkers_.truth().key(item.place.key).key;
  input.status = state;
  if (owns_session()) input.session = checkers_.truth().session(session_).id;
  const size_t number = checkers_.statuses().begin(item.place.key, process_,
                                                   owns_session() ? session_ : kNobody, state);
  port_.call(client_, node_, input, core::Ack::kLogged, kTimeoutMs,
             [this, number](const ClientPort::Answer& answer) {
               checkers_.statuses().end(number, answer);
             });
}

}  // namespace callbook::sim
