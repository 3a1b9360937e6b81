#include "sim/operator.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/hash.h"

namespace callbook::sim {
namespace {

constexpr int64_t kLocalTimeoutMs = 2'000;
constexpr int64_t kLoggedTimeoutMs = 7'000;
constexpr uint32_t kMostTries = 12;

}  // namespace

Operator::Operator(Scheduler& scheduler, ClientPort& port, Random random, const Settings& settings,
                   Checkers& checkers, ClientId client, std::vector<KeyIndex> keys)
    : scheduler_(scheduler),
      port_(port),
      random_(random),
      settings_(settings),
      checkers_(checkers),
      client_(client) {
  for (const KeyIndex key : keys) {
    Item item;
    item.key = key;
    items_.push_back(item);
  }
}

void Operator::start() {
  process_ = checkers_.truth().begin_process(client_);
}

void Operator::change_one() {
  if (items_.empty()) return;
  const size_t index = random_.index(items_.size());
  Item& item = items_[index];
  if (item.busy) return;
  item.busy = true;
  item.tries = 0;
  item.wanted = !item.wanted || random_.chance(0.6);
  if (item.wanted) item.rev = checkers_.truth().next_rev(item.key);
  item.ack = random_.chance(0.6) ? core::Ack::kLogged : core::Ack::kLocal;
  attempt(index);
}

core::RegisterInstance Operator::registration_of(const Item& item) const {
  core::RegisterInstance input;
  input.key = checkers_.truth().key(item.key).key;
  input.registration.address = "10.200.0.1";
  input.registration.port = static_cast<uint16_t>(1'000 + item.key);
  const std::string rev = fmt::format("{}", item.rev);
  const std::string owner = fmt::format("{}", process_);
  auto metadata = core::Metadata::from({{"owner", owner}, {"rev", rev}});
  CALLBOOK_CHECK(metadata.ok());
  input.registration.metadata = std::move(*metadata);
  if (settings_.client_tokens) input.after = item.after;
  return input;
}

void Operator::attempt(size_t index) {
  Item& item = items_[index];
  const size_t node = random_.index(port_.node_count());
  const int64_t timeout_ms = item.ack == core::Ack::kLogged ? kLoggedTimeoutMs : kLocalTimeoutMs;
  Truth& truth = checkers_.truth();
  truth.set_wanted(item.key, process_, item.wanted);
  ++operations_;
  ++item.tries;
  core::Stamp after;
  if (settings_.client_tokens) after = item.after;
  OperationIndex operation = 0;
  core::Input input;
  if (item.wanted) {
    operation =
        truth.begin_register(item.key, item.rev, process_, kNobody, core::Holder{}, node, item.ack);
    input = registration_of(item);
  } else {
    operation = truth.begin_deregister(item.key, process_, kNobody, node, item.ack);
    input = core::DeregisterInstance{truth.key(item.key).key, after};
  }
  port_.call(client_, node, std::move(input), item.ack, timeout_ms,
             [this, index, operation, after](const ClientPort::Answer& answer) {
               answered(index, operation, after, answer);
             });
}

void Operator::answered(size_t index, OperationIndex number, core::Stamp after,
                        const ClientPort::Answer& answer) {
  checkers_.truth().end_operation(number, answer);
  checkers_.answered(number, after);
  const Operation& operation = checkers_.truth().operation(number);
  Item& item = items_[index];
  TraceLine line;
  line.time_ms = scheduler_.now_ms();
  line.event =
      item.wanted ? "answered the operator to register" : "answered the operator to deregister";
  line.node = operation.node;
  line.key = item.key;
  line.process = process_;
  line.rev = operation.rev;
  if (operation.outcome == Operation::Outcome::kAccepted) {
    line.stamp = *operation.stamp;
    item.after = std::max(item.after, *operation.stamp);
  }
  line.detail = !answer ? "no answer" : answer->ok() ? "ok" : base::name_of(answer->error().code);
  checkers_.trace_lines().add(std::move(line));
  const bool refused = answer && !answer->ok();
  if (refused && answer->error().code == base::ErrorCode::kAppliedNotLogged) {
    checkers_.count(Rule::kAppliedNotLogged);
  }
  if (refused && answer->error().code == base::ErrorCode::kOverloaded) {
    checkers_.count(Rule::kOutboxFull);
  }
  // That a node does not know it may be because word of it has not come there yet.
  const bool done = operation.outcome == Operation::Outcome::kAccepted;
  if (done || item.tries >= kMostTries) {
    item.busy = false;
    return;
  }
  scheduler_.after(random_.between(200, 3'000), [this, index] { attempt(index); });
}

uint64_t Operator::state_hash() const {
  uint64_t hash = base::mix64(client_ + 1);
  for (const Item& item : items_) {
    hash = base::mix64(hash ^ item.rev) ^ item.after.hlc ^ (item.wanted ? 1 : 2);
  }
  return hash;
}

}  // namespace callbook::sim
