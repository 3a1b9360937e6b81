// That the checkers of liveness and of breakers can fail: what a registry really said is followed
// by what it must not say.

#include "sim/liveness_checker.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/hybrid_clock.h"
#include "core/record_codec.h"
#include "core/registry.h"
#include "sim/breaker_checker.h"

namespace callbook::sim {
namespace {

class LivenessCheckers : public testing::Test {
 protected:
  LivenessCheckers()
      : evidence_(scheduler_, settings()), breakers_(evidence_), liveness_(evidence_, breakers_) {
    evidence_.conditions.node_started(0);
    evidence_.conditions.phase_changed(0, core::Phase::kServing);
    static_cast<void>(evidence_.truth.add_service({core::kDefaultNamespace, "orders"}));
    give(core::FinishLoading{0});
    advance(20'000);
  }

  static const Settings& settings() {
    static const Settings kMade = [] {
      Settings one;
      one.nodes = 1;
      one.timing.probe_rounds = 3;
      return one;
    }();
    return kMade;
  }

  base::Now now() const { return {scheduler_.now_ms(), 1'700'000'000'000 + scheduler_.now_ms()}; }

  void advance(int64_t for_ms) {
    for (int64_t left_ms = for_ms; left_ms > 0; left_ms -= 100) {
      scheduler_.run_until(scheduler_.now_ms() + 100);
      give(core::AdvanceTime{});
    }
  }

  /// What the registry makes of an input, as the checkers see it.
  void give(const core::Input& input) {
    core::Outputs out;
    const bool accepted = registry_.step(input, now(), out).ok();
    see(input, accepted, out);
    for (const core::ServicePublished& change : registry_.publish()) {
      evidence_.listings.take(0, change);
      breakers_.on_published(0, 0);
      liveness_.on_published(0, 0);
    }
  }

  void see(const core::Input& input, bool accepted, const core::Outputs& out) {
    const Step step{registry_, input, accepted, now(), out};
    breakers_.begin_step(0, step);
    if (!of_breakers_alone_) liveness_.begin_step(0, step);
    for (const RecordChange& change : evidence_.records.take(0, out.records)) {
      breakers_.on_record(change);
      if (!of_breakers_alone_) liveness_.on_record(change, step);
    }
    breakers_.end_step(0, step);
    if (!of_breakers_alone_) liveness_.end_step(0, step);
  }

  std::vector<SessionIndex> add_processes(int count) {
    std::vector<SessionIndex> added;
    for (int i = 0; i < count; ++i) added.push_back(add_process());
    return added;
  }

  /// The node says that the session's process is not reached, rightly so, and nothing else for
  /// longer than its flag may be wrong.
  void claim_unreached(const std::vector<SessionIndex>& sessions, core::Health health) {
    of_breakers_alone_ = true;
    for (const SessionIndex session : sessions) {
      claim(session, health, core::Cause::kProbeTimedOut, false);
    }
    breakers_.on_published(0, 0);
    const core::Outputs nothing;
    for (int i = 0; i < 700; ++i) {
      scheduler_.run_until(scheduler_.now_ms() + 100);
      see(core::AdvanceTime{}, true, nothing);
    }
  }

  /// The node ends one for silence, rightly so; only the breaker's share is looked at.
  void claim_removed(SessionIndex session) {
    of_breakers_alone_ = true;
    claim(session, core::Health::kDown, core::Cause::kProbeTimedOut, true);
  }

  SessionIndex open_process() {
    Truth& truth = evidence_.truth;
    const uint64_t number = truth.session_count() + 1;
    const ProcessNumber process = truth.begin_process(static_cast<ClientId>(number));
    const core::SessionId id{number, 1};
    const SessionIndex session = truth.begin_open(process, id, 6'000, 0);
    give(core::OpenSession{id, 6'000, "p"});
    return session;
  }

  core::RegisterInstance registration_of(SessionIndex session) {
    Truth& truth = evidence_.truth;
    const core::SessionId id = truth.session(session).id;
    const ProcessNumber process = truth.session(session).process;
    core::RegisterInstance input;
    input.key = {{core::kDefaultNamespace, "orders"}, fmt::format("i-{}", session + 1)};
    input.registration.address = fmt::format("10.0.0.{}", session + 1);
    input.registration.port = 8'000;
    input.registration.holder = {core::HolderKind::kSession, id, 0};
    auto metadata = core::Metadata::from({{"owner", fmt::format("{}", process)}, {"rev", "1"}});
    input.registration.metadata = std::move(*metadata);
    const KeyIndex key = truth.add_key(input.key);
    truth.begin_register(key, 1, process, session, input.registration.holder, 0, core::Ack::kLocal);
    return input;
  }

  void register_instance(SessionIndex session) { give(registration_of(session)); }

  /// A process with one instance, heard of now and then no more.
  SessionIndex add_process() {
    const SessionIndex session = open_process();
    register_instance(session);
    return session;
  }

  SessionIndex add_heard_process() {
    const SessionIndex session = add_process();
    advance(100);
    give(core::RefreshSession{evidence_.truth.session(session).id});
    return session;
  }

  /// The node says this of the session, whatever it should say.
  void claim(SessionIndex session, core::Health health, core::Cause cause, bool ended) {
    const SessionFacts& facts = evidence_.records.session(0, session);
    core::SessionRecord record;
    record.id = evidence_.truth.session(session).id;
    record.ttl_ms = 6'000;
    record.opened = facts.opened;
    record.liveness = facts.liveness;
    record.liveness.stamp.hlc += 1;
    record.liveness.health = health;
    record.liveness.cause = cause;
    record.liveness.ended = ended;
    core::Outputs out;
    version_ = std::max(version_, registry_.version()) + 1'000'000;
    out.records.begin(version_);
    core::encode_key(record.id, out.records.bytes());
    out.records.end_key();
    core::encode_value(record, out.records.bytes());
    out.records.end();
    see(core::ReportBusLost{}, true, out);
  }

  void expect_failure(const std::string& text) const {
    EXPECT_NE(evidence_.failure().find(text), std::string::npos) << evidence_.failure();
  }

  Scheduler scheduler_;
  Evidence evidence_;
  BreakerChecker breakers_;
  LivenessChecker liveness_;
  core::Registry registry_{core::RegistryOptions{}};
  uint64_t version_ = 0;
  bool of_breakers_alone_ = false;
};

TEST_F(LivenessCheckers, HaveNothingToSayOfWhatIsRight) {
  const SessionIndex session = add_process();
  give(core::RefreshSession{evidence_.truth.session(session).id});
  advance(5'000);
  EXPECT_FALSE(evidence_.failed()) << evidence_.failure();
}

TEST_F(LivenessCheckers, FindARefusalThatNobodyHeard) {
  claim(add_process(), core::Health::kRefused, core::Cause::kProbeRefused, false);
  expect_failure("no round of probes was refused just now");
}

TEST_F(LivenessCheckers, FindSilenceThatWasNotWaitedFor) {
  claim(add_heard_process(), core::Health::kDown, core::Cause::kProbeTimedOut, false);
  expect_failure("0 rounds of probes were silent");
}

TEST_F(LivenessCheckers, FindASuspicionOfOneThatWasHeard) {
  claim(add_heard_process(), core::Health::kSuspect, core::Cause::kHeartbeatsMissed, false);
  expect_failure("is suspected 0.000 s after it was heard last");
}

TEST_F(LivenessCheckers, FindARemovalWithoutProbes) {
  claim(add_process(), core::Health::kUp, core::Cause::kSessionExpired, true);
  expect_failure("was removed for silence, but was never probed");
}

TEST_F(LivenessCheckers, FindASuccessorThatIsNotThere) {
  claim(add_process(), core::Health::kUp, core::Cause::kAddressTaken, true);
  expect_failure("nobody has answered there just now");
}

TEST_F(LivenessCheckers, FindTheDeadThatAreNotFound) {
  const SessionIndex session = add_process();
  for (int i = 0; i < 12; ++i) {
    advance(1'000);
    give(core::RefreshSession{evidence_.truth.session(session).id});
  }
  evidence_.truth.end_process(evidence_.truth.session(session).process, TrueProcess::End::kCrashed);
  // The node hears nobody, and says nothing.
  const core::Outputs nothing;
  for (int i = 0; i < 100; ++i) {
    scheduler_.run_until(scheduler_.now_ms() + 100);
    see(core::AdvanceTime{}, true, nothing);
  }
  expect_failure("has died, which should have been known");
}

TEST_F(LivenessCheckers, FindMoreRemovalsThanTheBudgetAllows) {
  const std::vector<SessionIndex> sessions = add_processes(10);
  claim_removed(sessions[0]);
  EXPECT_FALSE(evidence_.failed()) << evidence_.failure();
  claim_removed(sessions[1]);
  expect_failure("the budget is 1 (of 10)");
}

TEST_F(LivenessCheckers, FindARemovalThatLeavesLessThanTheFloor) {
  const std::vector<SessionIndex> sessions = add_processes(10);
  for (size_t i = 5; i < 10; ++i) {
    give(core::CloseSession{evidence_.truth.session(sessions[i]).id});
  }
  claim_removed(sessions[0]);
  expect_failure("4 of 5 would be left, and 5 are to be at least (of 10)");
}

TEST_F(LivenessCheckers, CountAsTheLargestSizeWhatANodeMayHaveHeldWithinAStep) {
  const std::vector<SessionIndex> sessions = add_processes(10);
  const SessionIndex late = open_process();
  // One comes as two go: in the node's own order there may have been eleven, with a budget of 2.
  core::Outputs out;
  of_breakers_alone_ = true;
  for (size_t i = 8; i < 10; ++i) {
    ASSERT_TRUE(
        registry_.step(core::CloseSession{evidence_.truth.session(sessions[i]).id}, now(), out)
            .ok());
  }
  see(core::ReportBusLost{}, true, out);
  register_instance(late);
  claim_removed(sessions[0]);
  claim_removed(sessions[1]);
  EXPECT_FALSE(evidence_.failed()) << evidence_.failure();
}

TEST_F(LivenessCheckers, CountAsTheLargestSizeWhatCameAndWentWithinAStep) {
  const std::vector<SessionIndex> sessions = add_processes(10);
  const core::RegisterInstance short_lived = registration_of(open_process());
  // No list shows the eleventh, but the node has held it: the budget is 2.
  core::Outputs out;
  of_breakers_alone_ = true;
  ASSERT_TRUE(registry_.step(short_lived, now(), out).ok());
  ASSERT_TRUE(registry_.step(core::DeregisterInstance{short_lived.key, {}}, now(), out).ok());
  see(core::ReportBusLost{}, true, out);
  give(core::AdvanceTime{});
  claim_removed(sessions[0]);
  claim_removed(sessions[1]);
  EXPECT_FALSE(evidence_.failed()) << evidence_.failure();
}

TEST_F(LivenessCheckers, FindAProtectionThatIsNotCalledFor) {
  const std::vector<SessionIndex> sessions = add_processes(10);
  claim_unreached({sessions[0]}, core::Health::kProtected);
  expect_failure("is protected although 1 of 10 (10 to 10 before) are unreachable");
}

TEST_F(LivenessCheckers, FindTheUnreachedThatAreNotProtected) {
  const std::vector<SessionIndex> sessions = add_processes(10);
  claim_unreached({sessions[0], sessions[1], sessions[2]}, core::Health::kDown);
  expect_failure("is down although 3 of 10 (10 to 10 before) are unreachable");
}

}  // namespace
}  // namespace callbook::sim
