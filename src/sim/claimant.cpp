#include "sim/claimant.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"

namespace callbook::sim {
namespace {

constexpr int64_t kTimeoutMs = 2'000;
constexpr int64_t kTtlMs = 3'000;
/// The holder was answered within it.
constexpr int64_t kJustNowMs = 500;
constexpr int kTries = 20;

}  // namespace

Claimant::Claimant(Scheduler& scheduler, ClientPort& port, Random random, Checkers& checkers,
                   ClientId client)
    : scheduler_(scheduler), port_(port), random_(random), checkers_(checkers), client_(client) {}

void Claimant::start() {
  claim_later();
}

void Claimant::claim_later() {
  scheduler_.after(random_.between(2'000, 15'000), [this] {
    if (checkers_.faults_ended_ms() != kNever) return;
    if (const auto place = draw_held()) claim(*place);
    claim_later();
  });
}

/// The node that has just answered the living process that was last told that it has the id.
std::optional<size_t> Claimant::keeper_of(KeyIndex key) const {
  const Truth& truth = checkers_.truth();
  const auto& operations = truth.key(key).operations;
  if (operations.empty()) return std::nullopt;
  const Operation& last = truth.operation(operations.back());
  const bool registered = last.kind == Operation::Kind::kRegister &&
                          last.outcome == Operation::Outcome::kAccepted && last.session != kNobody;
  if (!registered || truth.holder_over(last)) return std::nullopt;
  for (size_t node = 0; node < port_.node_count(); ++node) {
    const int64_t answered_ms = truth.session(last.session).contacts.answered_ms(node);
    if (scheduler_.now_ms() - answered_ms <= kJustNowMs) return node;
  }
  return std::nullopt;
}

std::optional<Claimant::Place> Claimant::draw_held() {
  const size_t keys = checkers_.truth().key_count();
  for (int i = 0; i < kTries && keys > 0; ++i) {
    const auto key = static_cast<KeyIndex>(random_.index(keys));
    if (const auto node = keeper_of(key)) return Place{key, *node};
  }
  return std::nullopt;
}

core::RegisterInstance Claimant::registration_of(KeyIndex key, uint32_t rev,
                                                 ProcessNumber process) const {
  core::RegisterInstance input;
  input.key = checkers_.truth().key(key).key;
  input.registration.address = "10.201.0.1";
  input.registration.port = 9'000;
  input.registration.holder.kind = core::HolderKind::kTtl;
  input.registration.holder.ttl_ms = kTtlMs;
  auto metadata = core::Metadata::from(
      {{"owner", fmt::format("{}", process)}, {"rev", fmt::format("{}", rev)}});
  CALLBOOK_CHECK(metadata.ok());
  input.registration.metadata = std::move(*metadata);
  return input;
}

void Claimant::claim(const Place& place) {
  Truth& truth = checkers_.truth();
  const ProcessNumber process = truth.begin_process(client_);
  const uint32_t rev = truth.next_rev(place.key);
  core::RegisterInstance input = registration_of(place.key, rev, process);
  const OperationIndex operation = truth.begin_register(
      place.key, rev, process, kNobody, input.registration.holder, place.node, core::Ack::kLocal);
  ++operations_;
  port_.call(client_, place.node, std::move(input), core::Ack::kLocal, kTimeoutMs,
             [this, operation, process](const ClientPort::Answer& answer) {
               checkers_.truth().end_operation(operation, answer);
               checkers_.answered(operation, {});
               checkers_.truth().end_process(process, TrueProcess::End::kCrashed);
             });
}

}  // namespace callbook::sim
