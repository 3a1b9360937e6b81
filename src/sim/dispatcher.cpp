#include "sim/dispatcher.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace callbook::sim {
namespace {

constexpr int64_t kTimeoutMs = 7'000;
constexpr uint32_t kMostTries = 12;

}  // namespace

Dispatcher::Dispatcher(Scheduler& scheduler, ClientPort& port, Random random,
                       const Settings& settings, Checkers& checkers, ClientId client)
    : scheduler_(scheduler),
      port_(port),
      random_(random),
      releases_random_(random.child(1)),
      exclusions_random_(random.child(2)),
      settings_(settings),
      checkers_(checkers),
      client_(client) {}

Dispatcher::Said& Dispatcher::said_of(KeyIndex key) {
  const auto found =
      std::find_if(said_.begin(), said_.end(), [key](const Said& one) { return one.key == key; });
  if (found != said_.end()) return *found;
  said_.push_back({key, {}});
  return said_.back();
}

core::Input Dispatcher::draw_wish(const Said& said) {
  const core::InstanceKey& key = checkers_.truth().key(said.key).key;
  const core::Stamp after = settings_.client_tokens ? said.after : core::Stamp{};
  if (said.after != core::Stamp{} && random_.chance(0.4)) {
    return core::RemoveOverride{key, "sim", "", after};
  }
  core::SetOverride set;
  set.key = key;
  set.by = "sim";
  set.after = after;
  set.out_of_service = random_.chance(0.5);
  if (!set.out_of_service || random_.chance(0.3)) {
    set.weight = static_cast<uint32_t>(random_.between(0, 200));
  }
  return set;
}

void Dispatcher::start() {
  if (settings_.breakers_released) release_later();
  if (settings_.exclusions) exclude_later();
}

void Dispatcher::exclude_later() {
  scheduler_.after(exclusions_random_.between(3'000, 20'000), [this] {
    if (checkers_.faults_ended_ms() != kNever) return;
    exclude_one();
    exclude_later();
  });
}

/// Takes an instance out, or restores one. What operators themselves have registered is left alone:
/// no process holds that, so it would be deregistered as well.
void Dispatcher::exclude_one() {
  const Truth& truth = checkers_.truth();
  if (busy_ || truth.key_count() == 0) return;
  Random& random = exclusions_random_;
  const bool restores = !taken_out_.empty() && random.chance(0.45);
  key_ = restores ? taken_out_[random.index(taken_out_.size())]
                  : static_cast<KeyIndex>(random.index(truth.key_count()));
  const core::InstanceKey& key = truth.key(key_).key;
  if (!key.id.starts_with('i')) return;
  busy_ = true;
  tries_ = 0;
  const core::Stamp after = settings_.client_tokens ? said_of(key_).after : core::Stamp{};
  if (restores) {
    wish_ = core::RemoveOverride{key, "sim", "", after};
  } else {
    core::DeregisterInstance out{key, after};
    out.by = "sim";
    // Each node ends a drain by its own clock: where those are stepped, lists would differ by it.
    const bool drains = !settings_.faults[static_cast<size_t>(Fault::kClockStepped)];
    if (drains && random.chance(0.4)) out.drain_ms = random.between(500, 8'000);
    wish_ = std::move(out);
  }
  attempt();
}

void Dispatcher::release_later() {
  scheduler_.after(releases_random_.between(5'000, 120'000), [this] {
    const Truth& truth = checkers_.truth();
    const auto service = static_cast<uint32_t>(releases_random_.index(truth.service_count()));
    // A breaker is each node's own: it is released at all of them.
    for (size_t node = 0; node < port_.node_count(); ++node) {
      port_.call(client_, node, core::ReleaseBreaker{truth.service(service)}, core::Ack::kLocal,
                 kTimeoutMs, [](const ClientPort::Answer&) {});
    }
    release_later();
  });
}

void Dispatcher::change_one() {
  const size_t keys = checkers_.truth().key_count();
  if (busy_ || keys == 0) return;
  busy_ = true;
  tries_ = 0;
  // Some again and again: what is said twice is where words can overtake each other.
  const bool again = !said_.empty() && random_.chance(0.6);
  key_ =
      again ? said_[random_.index(said_.size())].key : static_cast<KeyIndex>(random_.index(keys));
  wish_ = draw_wish(said_of(key_));
  attempt();
}

void Dispatcher::attempt() {
  const size_t node = random_.index(port_.node_count());
  ++operations_;
  ++tries_;
  const size_t number = checkers_.overrides().begin(key_, node, wish_);
  port_.call(client_, node, wish_, core::Ack::kLogged, kTimeoutMs,
             [this, number](const ClientPort::Answer& answer) {
               checkers_.overrides().end(number, answer);
               answered(answer);
             });
}

void Dispatcher::answered(const ClientPort::Answer& answer) {
  if (answer && answer->ok()) {
    Said& said = said_of(key_);
    said.after = std::max(said.after, stamp_of_word(answer->value()));
    std::erase(taken_out_, key_);
    if (std::holds_alternative<core::InstanceDeregistered>(answer->value())) {
      taken_out_.push_back(key_);
    }
    busy_ = false;
    return;
  }
  // An instance that is not known has perhaps never been: there are others.
  const bool unknown = answer && answer->error().code == base::ErrorCode::kNotFound;
  if (unknown || tries_ >= kMostTries) {
    busy_ = false;
    return;
  }
  scheduler_.after(random_.between(200, 3'000), [this] { attempt(); });
}

uint64_t Dispatcher::state_hash() const {
  uint64_t hash = base::mix64(client_ + 1);
  for (const Said& said : said_) hash = base::mix64(hash ^ said.key) ^ said.after.hlc;
  return hash;
}

}  // namespace callbook::sim
