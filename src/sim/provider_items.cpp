// How a provider's instances come to be registered, and stay so.

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "sim/provider.h"

namespace callbook::sim {
namespace {

constexpr int64_t kLocalTimeoutMs = 2'000;
constexpr int64_t kLoggedTimeoutMs = 7'000;
constexpr uint32_t kMostRefusals = 30;
constexpr uint32_t kNotFoundIsTrue = 3;

}  // namespace

core::RegisterInstance Provider::registration_of(const Item& item) const {
  core::RegisterInstance input;
  input.key = checkers_.truth().key(item.place.key).key;
  core::Registration& body = input.registration;
  body.address = item.place.address;
  body.port = item.place.port;
  body.zone = item.place.zone;
  body.weight = item.weight;
  const std::string rev = fmt::format("{}", item.rev);
  const std::string owner = fmt::format("{}", process_);
  auto metadata = core::Metadata::from({{"owner", owner}, {"rev", rev}});
  CALLBOOK_CHECK(metadata.ok());
  body.metadata = std::move(*metadata);
  const auto& lapse = checkers_.truth().key(item.place.key).lapse;
  if (lapse) body.extras = core::encode(core::RegistrationExtras{false, lapse, {}});
  if (owns_session()) {
    body.holder.kind = core::HolderKind::kSession;
    body.holder.session = checkers_.truth().session(session_).id;
  } else {
    body.holder.kind = core::HolderKind::kTtl;
    body.holder.ttl_ms = plan_.ttl_ms;
  }
  if (settings_.client_tokens) input.after = item.after;
  input.take_over =
      !settings_.new_processes || process_ % 3 != 0;  // the others wait until the holder is gone
  return input;
}

void Provider::owe_all() {
  for (Item& item : items_) {
    // What was deregistered for certain stays so without being told again.
    if (item.wanted) item.settled = false;
    item.in_flight = false;
  }
}

void Provider::send_owed() {
  for (size_t i = 0; i < items_.size(); ++i) {
    if (!items_[i].settled && !items_[i].in_flight) send(i, node_);
  }
}

void Provider::send(size_t index, size_t node) {
  if (phase_ != Phase::kConnected) return;
  Item& item = items_[index];
  item.in_flight = true;
  ++operations_;
  checkers_.truth().set_wanted(item.place.key, process_, item.wanted);
  if (item.wanted) {
    send_registration(index, node, draw_ack());
  } else {
    send_deregistration(index, node, draw_ack());
  }
}

void Provider::send_registration(size_t index, size_t node, core::Ack ack) {
  const core::RegisterInstance input = registration_of(items_[index]);
  const OperationIndex operation =
      checkers_.truth().begin_register(items_[index].place.key, items_[index].rev, process_,
                                       session_, input.registration.holder, node, ack);
  port_.call(client_, node, input, ack,
             ack == core::Ack::kLogged ? kLoggedTimeoutMs : kLocalTimeoutMs,
             [this, index, operation, era = era_, elsewhere = node != node_,
              after = input.after](const ClientPort::Answer& answer) {
               checkers_.truth().end_operation(operation, answer);
               checkers_.answered(operation, after);
               answered(index, operation, era, elsewhere, answer);
             });
}

void Provider::send_deregistration(size_t index, size_t node, core::Ack ack) {
  Item& item = items_[index];
  core::DeregisterInstance input{checkers_.truth().key(item.place.key).key, {}};
  if (settings_.client_tokens) input.after = item.after;
  if (owns_session()) input.session = checkers_.truth().session(session_).id;
  const OperationIndex operation =
      checkers_.truth().begin_deregister(item.place.key, process_, session_, node, ack);
  port_.call(client_, node, input, ack,
             ack == core::Ack::kLogged ? kLoggedTimeoutMs : kLocalTimeoutMs,
             [this, index, operation, era = era_, elsewhere = node != node_,
              after = input.after](const ClientPort::Answer& answer) {
               checkers_.truth().end_operation(operation, answer);
               checkers_.answered(operation, after);
               answered(index, operation, era, elsewhere, answer);
             });
}

void Provider::settle(Item& item, const Operation& operation) {
  item.after = std::max(item.after, *operation.stamp);
  told_ = std::max(told_, *operation.stamp);
  const bool registers = operation.kind == Operation::Kind::kRegister;
  // A late answer may tell of something that is not wanted any more: then it is said again.
  const bool current = registers == item.wanted && (!registers || operation.rev == item.rev) &&
                       (!registers || operation.session == session_);
  if (current) {
    item.settled = true;
    item.refusals = 0;
  } else if (phase_ == Phase::kConnected) {
    item.settled = false;
  }
}

void Provider::answered(size_t index, OperationIndex number, uint64_t era, bool elsewhere,
                        const ClientPort::Answer& answer) {
  const Operation operation = checkers_.truth().operation(number);
  TraceLine line;
  line.time_ms = scheduler_.now_ms();
  line.event = operation.kind == Operation::Kind::kRegister ? "answered to register"
                                                            : "answered to deregister";
  line.node = operation.node;
  line.key = operation.key;
  line.session = operation.session;
  line.process = process_;
  line.rev = operation.rev;
  line.stamp =
      operation.outcome == Operation::Outcome::kAccepted ? *operation.stamp : core::Stamp{};
  line.detail = !answer ? "no answer" : answer->ok() ? "ok" : base::name_of(answer->error().code);
  checkers_.trace_lines().add(std::move(line));

  Item& item = items_[index];
  if (era == era_) item.in_flight = false;
  if (operation.outcome == Operation::Outcome::kAccepted) settle(item, operation);
  if (phase_ == Phase::kStopping || !running()) return;
  if (era != era_) {
    if (phase_ == Phase::kConnected) send_owed();
    return;
  }
  if (!answer) return elsewhere ? send_owed() : fail_over();
  if (answer->ok()) {
    backoff_.reset();
    return send_owed();
  }
  refused(index, answer->error(), operation.node, elsewhere);
}

void Provider::refused(size_t index, const base::Error& error, size_t node, bool elsewhere) {
  Item& item = items_[index];
  switch (error.code) {
    case base::ErrorCode::kNotFound:
      if (!item.wanted) {
        // Not registered there, or word of it has not come yet. Asked once or twice more, it is
        // true.
        item.settled = !elsewhere && ++item.refusals >= kNotFoundIsTrue;
        if (!item.settled) retry_item_later(index);
        return;
      }
      return elsewhere ? retry_item_later(index) : open_anew();
    case base::ErrorCode::kConflict:
      if (item.wanted) return retry_item_later(index);
      item.settled = true;  // it is another process's by now
      return;
    case base::ErrorCode::kSuperseded:
      return react(error, node);
    case base::ErrorCode::kAppliedNotLogged:
      checkers_.count(Rule::kAppliedNotLogged);
      return retry_item_later(index);
    case base::ErrorCode::kOverloaded:
      checkers_.count(Rule::kOutboxFull);
      if (random_.chance(0.3)) return fail_over();
      return retry_item_later(index);
    case base::ErrorCode::kNotReady:
      return elsewhere ? retry_item_later(index) : fail_over();
    default:
      if (++item.refusals > kMostRefusals) item.wanted = false;
      return retry_item_later(index);
  }
}

void Provider::retry_item_later(size_t index) {
  items_[index].in_flight = true;  // until then nobody else sends it
  later(random_.between(500, 3'000), [this, index, era = era_] {
    if (era != era_ || phase_ != Phase::kConnected) return;
    items_[index].in_flight = false;
    if (!items_[index].settled) send(index, node_);
  });
}

// --- What its people do ---

size_t Provider::unwanted() const {
  return static_cast<size_t>(
      std::count_if(items_.begin(), items_.end(), [](const Item& item) { return !item.wanted; }));
}

std::optional<size_t> Provider::pick(bool wanted) {
  if (phase_ != Phase::kConnected || paused() || items_.empty()) return std::nullopt;
  const size_t first = random_.index(items_.size());
  for (size_t i = 0; i < items_.size(); ++i) {
    const size_t index = (first + i) % items_.size();
    const Item& item = items_[index];
    if (item.wanted == wanted && item.settled && !item.in_flight) return index;
  }
  return std::nullopt;
}

void Provider::update_one() {
  const auto index = pick(true);
  if (!index) return;
  Item& item = items_[*index];
  item.rev = checkers_.truth().next_rev(item.place.key);
  item.weight = static_cast<uint32_t>(random_.between(0, 200));
  item.settled = false;
  send(*index, random_.chance(0.2) ? other_node() : node_);
}

void Provider::deregister_one() {
  const auto index = pick(true);
  if (!index) return;
  items_[*index].wanted = false;
  items_[*index].settled = false;
  send(*index, random_.chance(0.3) ? other_node() : node_);
}

void Provider::register_one_again() {
  const auto index = pick(false);
  if (!index) return;
  Item& item = items_[*index];
  item.wanted = true;
  item.settled = false;
  item.rev = checkers_.truth().next_rev(item.place.key);
  send(*index, random_.chance(0.3) ? other_node() : node_);
}

void Provider::add_one(ProviderPlan::Item place) {
  if (phase_ != Phase::kConnected || paused()) return;
  listen(place);
  Item item;
  item.place = std::move(place);
  item.rev = checkers_.truth().next_rev(item.place.key);
  items_.push_back(std::move(item));
  send(items_.size() - 1, node_);
}

}  // namespace callbook::sim
