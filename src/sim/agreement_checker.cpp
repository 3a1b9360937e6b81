#include "sim/agreement_checker.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

using core::RegistrationKind;

/// An ordinary change is everywhere within this time.
constexpr int64_t kOrdinaryMs = 2'000;

bool is_end(const KeyFacts& facts) {
  return facts.kind != RegistrationKind::kBody;
}

std::string text_of(const Evidence& evidence, const KeyFacts& facts) {
  if (!facts.known) return "nothing";
  return fmt::format("kind {}, stamp {}, epoch {}{}", static_cast<int>(facts.kind),
                     evidence.text_of(facts.stamp), facts.liveness.epoch,
                     facts.liveness.ended ? " ended" : "");
}

std::string text_of(const Evidence& evidence, const SessionFacts& facts) {
  if (!facts.known) return "nothing";
  return fmt::format("epoch {}, stamp {}{}", facts.liveness.epoch,
                     evidence.text_of(facts.liveness.stamp), facts.liveness.ended ? ", ended" : "");
}

std::string text_of(const Evidence& evidence, const OverrideFacts& facts) {
  if (!facts.known) return "nothing";
  return fmt::format("{} at {}", facts.set ? "set" : "removed", evidence.text_of(facts.stamp));
}

}  // namespace

void AgreementChecker::on_step(size_t node, const core::Registry& registry) {
  if (registry.replica_digest() != replica_digests_[node]) {
    changed_ = true;
    replica_digests_[node] = registry.replica_digest();
  }
  if (evidence_.conditions.faults_ended_ms() == kNever) return;
  if (!changed_) return;
  changed_ = false;
  const int64_t now_ms = evidence_.now_ms();
  const bool were_equal = std::exchange(equal_, equal());
  if (were_equal && !equal_) unequal_since_ms_ = now_ms;
  if (were_equal || !equal_) return;
  const bool first = converged_ms_ < 0;
  if (first || now_ms - unequal_since_ms_ > kOrdinaryMs) converged_ms_ = now_ms;
}

bool AgreementChecker::equal_lists(uint32_t service) const {
  for (size_t node = 1; node < evidence_.node_count(); ++node) {
    if (evidence_.listings.digest(node, service) != evidence_.listings.digest(0, service)) {
      return false;
    }
  }
  return true;
}

bool AgreementChecker::equal() const {
  for (size_t node = 0; node < evidence_.node_count(); ++node) {
    if (!evidence_.conditions.serving(node)) return false;
    if (replica_digests_[node] != replica_digests_[0]) return false;
  }
  for (uint32_t service = 0; service < evidence_.truth.service_count(); ++service) {
    if (!equal_lists(service)) return false;
  }
  return true;
}

int64_t AgreementChecker::convergence_ms() const {
  const int64_t ended_ms = evidence_.conditions.faults_ended_ms();
  if (ended_ms == kNever || converged_ms_ < 0) return -1;
  return std::max<int64_t>(0, converged_ms_ - ended_ms);
}

bool AgreementChecker::is_settling() const {
  return converged_ms_ >= 0 && !equal_ && evidence_.now_ms() - unequal_since_ms_ < kOrdinaryMs;
}

void AgreementChecker::finish() {
  for (size_t node = 0; node < evidence_.node_count(); ++node) {
    if (!evidence_.conditions.serving(node)) fail(node, {}, "does not serve at the end");
    compare_keys(node);
    compare_sessions(node);
    compare_overrides(node);
    for (uint32_t service = 0; service < evidence_.truth.service_count(); ++service) {
      const uint64_t own = evidence_.listings.digest(node, service);
      const uint64_t first = evidence_.listings.digest(0, service);
      if (own == first) continue;
      fail(node, {{}, {}, {}, {service}},
           fmt::format("publishes service {} with digest {:x} at the end, {} with {:x}",
                       evidence_.truth.service(service).name, own, evidence_.conditions.name(0),
                       first));
    }
  }
  for (size_t node = 1; node < evidence_.node_count() && same_records_; ++node) {
    if (replica_digests_[node] == replica_digests_[0]) continue;
    fail(node, {},
         fmt::format("has replication digest {:x}, {} has {:x}, but they know the same "
                     "records",
                     replica_digests_[node].root(), evidence_.conditions.name(0),
                     replica_digests_[0].root()));
  }
}

void AgreementChecker::compare_keys(size_t node) {
  for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) {
    const KeyFacts& own = evidence_.records.key(node, key);
    const KeyFacts& first = evidence_.records.key(0, key);
    const bool same = own.known == first.known && own.kind == first.kind &&
                      own.stamp == first.stamp && own.liveness.epoch == first.liveness.epoch &&
                      own.liveness.stamp == first.liveness.stamp;
    if (same) continue;
    const bool same_body = own.rev && own.rev == first.rev && own.session == first.session;
    const bool same_lease =
        own.liveness.epoch == first.liveness.epoch && own.liveness.stamp == first.liveness.stamp;
    if (same_body && same_lease) continue;
    same_records_ = false;
    const bool forgotten = !own.known || !first.known;
    if (forgotten && is_end(own) && is_end(first)) continue;
    fail(node, evidence_.focus_on(key),
         fmt::format("knows of {} at the end: {}; {} knows: {}", evidence_.text_of(key),
                     text_of(evidence_, own), evidence_.conditions.name(0),
                     text_of(evidence_, first)));
  }
}

void AgreementChecker::compare_sessions(size_t node) {
  for (SessionIndex session = 0; session < evidence_.truth.session_count(); ++session) {
    const SessionFacts& own = evidence_.records.session(node, session);
    const SessionFacts& first = evidence_.records.session(0, session);
    const bool same = own.known == first.known && own.liveness.epoch == first.liveness.epoch &&
                      own.liveness.stamp == first.liveness.stamp;
    if (same) continue;
    same_records_ = false;
    const bool forgotten = !own.known || !first.known;
    if (forgotten && (!own.known || own.liveness.ended) && (!first.known || first.liveness.ended)) {
      continue;
    }
    fail(node, evidence_.focus_on_session(session),
         fmt::format("knows of session #{} at the end: {}; {} knows: {}", session,
                     text_of(evidence_, own), evidence_.conditions.name(0),
                     text_of(evidence_, first)));
  }
}

void AgreementChecker::compare_overrides(size_t node) {
  for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) {
    const OverrideFacts& own = evidence_.records.override_of(node, key);
    const OverrideFacts& first = evidence_.records.override_of(0, key);
    if (own.known == first.known && own.stamp == first.stamp) continue;
    same_records_ = false;
    // One that was removed is forgotten by each in its time.
    if ((!own.known && !first.set) || (!first.known && !own.set)) continue;
    fail(node, evidence_.focus_on(key),
         fmt::format("is told by operators of {} at the end: {}; {}: {}", evidence_.text_of(key),
                     text_of(evidence_, own), evidence_.conditions.name(0),
                     text_of(evidence_, first)));
  }
}

void AgreementChecker::fail(size_t node, Focus focus, std::string text) {
  Finding finding;
  finding.checker = "agreement";
  finding.node = node;
  finding.text = std::move(text);
  finding.focus = std::move(focus);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
