#include "sdk/registration_plan.h"

#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

using base::ErrorCode;
using Kind = PlanAction::Kind;
using Actions = RegistrationPlan::Actions;

base::Error error(ErrorCode code) {
  return {code, {}, {}, {}};
}

std::string text(const PlanAction& action) {
  const auto code = [&] { return action.error ? base::name_of(action.error->code) : "ok"; };
  switch (action.kind) {
    case Kind::kOpenSession:
      return action.session.empty()
                 ? "open"
                 : fmt::format("resume {} of epoch {}", action.session, action.epoch);
    case Kind::kRegister:
      return fmt::format("register {} {} #{}", action.session, action.index, action.round);
    case Kind::kSendStatus:
      return fmt::format("status {} {} #{}", action.session, action.index, action.round);
    case Kind::kAttach:
      return "attach " + action.session;
    case Kind::kDetach:
      return "detach";
    case Kind::kHeartbeat:
      return "heartbeat " + action.session;
    case Kind::kCloseSession:
      return "close " + action.session;
    case Kind::kStartRetry:
      return fmt::format("retry {}", action.delay_ms);
    case Kind::kStartBeat:
      return fmt::format("beat {}", action.delay_ms);
    case Kind::kStartDeadline:
      return fmt::format("deadline {}", action.delay_ms);
    case Kind::kTellRegistered:
      return "told registered";
    case Kind::kTellTrouble:
      return fmt::format("told trouble {}", code());
    case Kind::kTellRestored:
      return fmt::format("told restored {}", action.index);
    case Kind::kTellStatusRefused:
      return fmt::format("told status refused {} {}", action.index, code());
    case Kind::kTellFinished:
      return fmt::format("told finished {}", code());
  }
  return "?";
}

std::string text(const Actions& actions) {
  std::string out;
  for (const PlanAction& action : actions) out += (out.empty() ? "" : ", ") + text(action);
  return out;
}

struct Step {
  const char* event;
  std::function<Actions(RegistrationPlan&)> apply;
  const char* expected;
};

const auto kStart = [](RegistrationPlan& p) { return p.start(); };
const auto kStop = [](RegistrationPlan& p) { return p.stop(); };
const auto kAttached = [](RegistrationPlan& p) { return p.attached(); };
const auto kAlive = [](RegistrationPlan& p) { return p.alive(); };
const auto kRetryDue = [](RegistrationPlan& p) { return p.retry_due(); };
const auto kBeatDue = [](RegistrationPlan& p) { return p.beat_due(); };
const auto kDeadlineDue = [](RegistrationPlan& p) { return p.deadline_due(); };

const auto kAttachedSpeaking = [](RegistrationPlan& p) { return p.attached(1, true); };

auto opened(std::string session) {
  return [session](RegistrationPlan& p) {
    return p.opened(SessionGrant{session, 6000, 2000, 1, {}});
  };
}
/// At a server that wants heartbeats also while a stream is attached.
auto opened_speaking(std::string session) {
  return [session](RegistrationPlan& p) {
    return p.opened(SessionGrant{session, 6000, 2000, 1, {}, true});
  };
}
auto open_failed(ErrorCode code) {
  return [code](RegistrationPlan& p) { return p.opened(error(code)); };
}
auto registered(uint64_t round, size_t index) {
  return [=](RegistrationPlan& p) { return p.registered(round, index, {}); };
}
auto register_failed(uint64_t round, size_t index, ErrorCode code) {
  return [=](RegistrationPlan& p) { return p.registered(round, index, error(code)); };
}
auto detached(ErrorCode code) {
  return [code](RegistrationPlan& p) { return p.detached(error(code)); };
}
auto ended(ErrorCode code) {
  return [code](RegistrationPlan& p) { return p.ended(error(code)); };
}
auto beat_answered(std::optional<ErrorCode> code) {
  return [code](RegistrationPlan& p) {
    return p.heartbeat_answered(code ? base::Status(error(*code)) : base::Status());
  };
}
auto withdrawn(size_t index) {
  return [=](RegistrationPlan& p) {
    p.withdrawn(index);
    return RegistrationPlan::Actions();
  };
}
auto restored(size_t index) {
  return [=](RegistrationPlan& p) { return p.restored(index); };
}
auto status_changed(size_t index) {
  return [=](RegistrationPlan& p) { return p.status_changed(index); };
}
auto status_answered(uint64_t round, size_t index, std::optional<ErrorCode> code = std::nullopt) {
  return [=](RegistrationPlan& p) {
    return p.status_answered(round, index, code ? base::Status(error(*code)) : base::Status());
  };
}
auto closed(std::optional<ErrorCode> code) {
  return [code](RegistrationPlan& p) {
    return p.closed(code ? base::Status(error(*code)) : base::Status());
  };
}

/// Runs the steps on a plan of `instances`, whose random number is always one half.
void run(size_t instances, const std::vector<Step>& steps) {
  RegistrationPlan plan(instances, [] { return 0.5; });
  size_t number = 0;
  for (const Step& step : steps) {
    EXPECT_EQ(text(step.apply(plan)), step.expected) << "step " << number << ": " << step.event;
    ++number;
  }
}

const std::vector<Step> kSettled = {
    {"start", kStart, "open"},   {"opened", opened("s1"), "beat 2000, attach s1, register s1 0 #1"},
    {"attached", kAttached, ""}, {"registered", registered(1, 0), "told registered"},
    {"alive", kAlive, ""},
};

std::vector<Step> settled_then(std::vector<Step> steps) {
  steps.insert(steps.begin(), kSettled.begin(), kSettled.end());
  return steps;
}

TEST(RegistrationPlan, TellsWhenAllAreRegistered) {
  run(2, {{"start", kStart, "open"},
          {"opened", opened("s1"), "beat 2000, attach s1, register s1 0 #1, register s1 1 #1"},
          {"second first", registered(1, 1), ""},
          {"attached", kAttached, ""},
          {"first", registered(1, 0), "told registered"}});
}

/// The session has gone on elsewhere, or a registration of it was forgotten.
base::Error must_resume() {
  return {ErrorCode::kConflict, "session", {}, {}};
}

TEST(RegistrationPlan, ResumesASessionThatWentOnElsewhereAndRegistersAgain) {
  const auto ended = [](RegistrationPlan& p) { return p.ended(must_resume()); };
  run(1, settled_then({{"told", ended, "detach, retry 50, told trouble conflict"},
                       {"retry", kRetryDue, "resume s1 of epoch 1"},
                       {"resumed",
                        [](RegistrationPlan& p) {
                          return p.opened(SessionGrant{"s1", 6000, 2000, 5, {}});
                        },
                        "attach s1, register s1 0 #3"},
                       {"attached", [](RegistrationPlan& p) { return p.attached(6); }, ""},
                       {"registered", registered(3, 0), "told registered"},
                       {"told again", ended, "detach, retry 100, told trouble conflict"},
                       {"retry", kRetryDue, "resume s1 of epoch 6"}}));
}

TEST(RegistrationPlan, OpensAnewWhereTheSessionThatItResumesIsUnknown) {
  run(1, settled_then(
             {{"attach refused", [](RegistrationPlan& p) { return p.detached(must_resume()); },
               "retry 50, told trouble conflict"},
              {"retry", kRetryDue, "resume s1 of epoch 1"},
              {"unknown", open_failed(ErrorCode::kNotFound), "retry 100, told trouble not_found"},
              {"retry", kRetryDue, "open"}}));
}

TEST(RegistrationPlan, HeartbeatsOnlyWithoutAStream) {
  run(1, settled_then({{"beat, attached", kBeatDue, "beat 2000"},
                       {"lost", detached(ErrorCode::kIo), "retry 50, told trouble io_error"},
                       {"beat", kBeatDue, "heartbeat s1, beat 2000"},
                       {"beat before the answer", kBeatDue, "beat 2000"},
                       {"answered", beat_answered(std::nullopt), ""},
                       {"beat", kBeatDue, "heartbeat s1, beat 2000"},
                       {"no server", beat_answered(ErrorCode::kIo), ""}}));
}

const std::vector<Step> kSpeaking = {
    {"start", kStart, "open"},
    {"opened", opened_speaking("s1"), "beat 1500, attach s1, register s1 0 #1"},
    {"attached", kAttachedSpeaking, ""},
    {"registered", registered(1, 0), "told registered"}};

std::vector<Step> speaking_then(std::vector<Step> steps) {
  steps.insert(steps.begin(), kSpeaking.begin(), kSpeaking.end());
  return steps;
}

TEST(RegistrationPlan, SpeaksBesideItsStreamWithinEachInterval) {
  run(1, speaking_then({{"beat", kBeatDue, "heartbeat s1, beat 1500"},
                        {"beat before the answer", kBeatDue, "beat 1500"},
                        {"answered", beat_answered(std::nullopt), ""},
                        {"beat", kBeatDue, "heartbeat s1, beat 1500"}}));
  for (const double random : {0.0, 0.999'999}) {
    RegistrationPlan plan(1, [random] { return random; });
    plan.start();
    const Actions actions = opened_speaking("s1")(plan);
    ASSERT_EQ(actions[0].kind, Kind::kStartBeat);
    EXPECT_GE(actions[0].delay_ms, 1'200);
    EXPECT_LE(actions[0].delay_ms, 1'800);
  }
}

TEST(RegistrationPlan, WhetherItSpeaksIsSaidAnewByEachStream) {
  run(1, settled_then({{"beat, attached", kBeatDue, "beat 2000"},
                       {"lost", detached(ErrorCode::kIo), "retry 50, told trouble io_error"},
                       {"retry", kRetryDue, "attach s1"},
                       {"a later release", kAttachedSpeaking, "register s1 0 #2"},
                       {"beat, attached", kBeatDue, "heartbeat s1, beat 1500"},
                       {"answered", beat_answered(std::nullopt), ""},
                       {"lost", detached(ErrorCode::kIo), "retry 100, told trouble io_error"},
                       {"retry", kRetryDue, "attach s1"},
                       {"release 0.1", kAttached, "register s1 0 #3"},
                       {"beat, attached", kBeatDue, "beat 2000"}}));
}

TEST(RegistrationPlan, HeartbeatsBesideTheStreamMeanWhatOthersMean) {
  run(1, speaking_then(
             {{"beat", kBeatDue, "heartbeat s1, beat 1500"},
              {"superseded", beat_answered(ErrorCode::kSuperseded), "close s1, deadline 2000"}}));
  run(1, speaking_then({{"beat", kBeatDue, "heartbeat s1, beat 1500"},
                        {"unknown", beat_answered(ErrorCode::kNotFound),
                         "detach, retry 50, told trouble not_found"},
                        {"retry", kRetryDue, "open"}}));
  run(1, speaking_then(
             {{"beat", kBeatDue, "heartbeat s1, beat 1500"},
              {"gone on elsewhere",
               [](RegistrationPlan& p) {
                 return p.heartbeat_answered(base::Error{ErrorCode::kConflict, "session", {}, {}});
               },
               "detach, retry 50, told trouble conflict"},
              {"retry", kRetryDue, "resume s1 of epoch 1"}}));
}

// A registry that hears what was opened long ago, but lets in nothing new.
TEST(RegistrationPlan, TwoHeartbeatsWithoutAnAnswerLeadToAnotherServerIfThereIsOne) {
  const auto two_servers = [](RegistrationPlan& p) {
    p.set_servers(2);
    return Actions{};
  };
  const Step beat{"beat", kBeatDue, "heartbeat s1, beat 1500"};
  const Step missed{"missed", beat_answered(ErrorCode::kIo), ""};
  run(1, speaking_then({beat, missed, beat, missed, beat, missed}));
  run(1, speaking_then({{"two servers", two_servers, ""},
                        beat,
                        missed,
                        beat,
                        {"answered", beat_answered(std::nullopt), ""},
                        beat,
                        missed,
                        beat,
                        {"missed twice", beat_answered(ErrorCode::kIo),
                         "detach, retry 50, told trouble io_error"},
                        {"retry", kRetryDue, "attach s1"},
                        {"attached", kAttachedSpeaking, "register s1 0 #2"}}));
}

TEST(RegistrationPlan, AfterALossItAttachesThenSendsAllAgain) {
  run(1, settled_then({{"lost", detached(ErrorCode::kIo), "retry 50, told trouble io_error"},
                       {"retry", kRetryDue, "attach s1"},
                       {"refused", detached(ErrorCode::kIo), "retry 100, told trouble io_error"},
                       {"retry", kRetryDue, "attach s1"},
                       {"attached", kAttached, "register s1 0 #2"},
                       {"an old answer", registered(1, 0), ""},
                       {"registered", registered(2, 0), "told registered"}}));
}

TEST(RegistrationPlan, WaitsGrowToALimitAndShrinkWithASignOfLife) {
  std::vector<Step> steps = kSettled;
  for (const char* wait : {"retry 50", "retry 100", "retry 200", "retry 400", "retry 800",
                           "retry 1600", "retry 2500", "retry 2500"}) {
    steps.push_back({"lost", detached(ErrorCode::kIo), nullptr});
    static std::vector<std::string> kept;
    kept.reserve(16);
    kept.push_back(std::string(wait) + ", told trouble io_error");
    steps.back().expected = kept.back().c_str();
    steps.push_back({"retry", kRetryDue, "attach s1"});
  }
  steps.push_back({"attached", kAttached, "register s1 0 #2"});
  steps.push_back({"alive", kAlive, ""});
  steps.push_back({"lost", detached(ErrorCode::kIo), "retry 50, told trouble io_error"});
  run(1, steps);
}

TEST(RegistrationPlan, AnUnknownSessionIsOpenedAnew) {
  const std::vector<Step> anew = {{"retry", kRetryDue, "open"},
                                  {"opened", opened("s2"), "attach s2, register s2 0 #3"},
                                  {"attached", kAttached, ""},
                                  {"registered", registered(3, 0), "told registered"}};
  const std::vector<std::vector<Step>> ways = {
      {{"ended", ended(ErrorCode::kNotFound), "detach, retry 50, told trouble not_found"}},
      {{"ended elsewhere", ended(ErrorCode::kConflict),
        "detach, retry 50, told trouble not_found"}},
      {{"attach refused", detached(ErrorCode::kNotFound), "retry 50, told trouble not_found"}}};
  for (std::vector<Step> steps : ways) {
    steps.insert(steps.end(), anew.begin(), anew.end());
    run(1, settled_then(steps));
  }
}

TEST(RegistrationPlan, AHeartbeatOrARegistrationMayLearnItToo) {
  run(1, settled_then({{"lost", detached(ErrorCode::kIo), "retry 50, told trouble io_error"},
                       {"beat", kBeatDue, "heartbeat s1, beat 2000"},
                       {"unknown", beat_answered(ErrorCode::kNotFound), ""},
                       {"beat without a session", kBeatDue, ""},
                       {"retry", kRetryDue, "open"},
                       {"opened", opened("s2"), "beat 2000, attach s2, register s2 0 #3"},
                       {"unknown", register_failed(3, 0, ErrorCode::kNotFound),
                        "detach, retry 100, told trouble not_found"},
                       {"retry", kRetryDue, "open"}}));
}

TEST(RegistrationPlan, SupersededStopsForGood) {
  for (const auto& how : {Step{"ended", ended(ErrorCode::kSuperseded), ""},
                          Step{"heartbeat", beat_answered(ErrorCode::kSuperseded), ""},
                          Step{"register", register_failed(1, 0, ErrorCode::kSuperseded), ""}}) {
    run(1, settled_then({{how.event, how.apply, "close s1, deadline 2000"},
                         {"retry", kRetryDue, ""},
                         {"beat", kBeatDue, ""},
                         {"closed", closed(std::nullopt), "detach, told finished superseded"}}));
  }
}

TEST(RegistrationPlan, AnIdThatAnotherProcessHoldsIsWaitedFor) {
  const auto held = [](uint64_t round) {
    return [round](RegistrationPlan& p) {
      return p.registered(round, 0, base::Error{ErrorCode::kConflict, "id", {}, {}});
    };
  };
  run(1, {{"start", kStart, "open"},
          {"opened", opened("s1"), "beat 2000, attach s1, register s1 0 #1"},
          {"attached", kAttached, ""},
          {"held", held(1), "retry 500, told trouble conflict"},
          {"alive", kAlive, ""},
          {"retry", kRetryDue, "register s1 0 #1"},
          {"held", held(1), "retry 1000, told trouble conflict"},
          {"retry", kRetryDue, "register s1 0 #1"},
          {"free", registered(1, 0), "told registered"}});
}

// --- What operators do ---

TEST(RegistrationPlan, OneThatIsWithdrawnIsNotRegisteredAgainByItself) {
  run(1, settled_then({{"withdrawn", withdrawn(0), ""},
                       {"alive", kAlive, ""},
                       {"beat, attached", kBeatDue, "beat 2000"},
                       {"lost", detached(ErrorCode::kIo), "retry 50, told trouble io_error"},
                       {"retry", kRetryDue, "attach s1"},
                       {"attached", kAttached, "told registered"},
                       {"still withdrawn", withdrawn(0), ""},
                       {"alive", kAlive, ""},
                       {"restored", restored(0), "told restored 0"},
                       {"restored again", restored(0), ""},
                       {"alive", kAlive, ""},
                       {"lost", detached(ErrorCode::kIo), "retry 50, told trouble io_error"},
                       {"retry", kRetryDue, "attach s1"},
                       {"attached", kAttached, "register s1 0 #3"}}));
}

TEST(RegistrationPlan, AWithdrawalThatTheServerSaysNoMoreIsOver) {
  run(2, {{"start", kStart, "open"},
          {"opened", opened("s1"), "beat 2000, attach s1, register s1 0 #1, register s1 1 #1"},
          {"attached", kAttached, ""},
          {"one", registered(1, 0), ""},
          {"other", registered(1, 1), "told registered"},
          {"withdrawn", withdrawn(1), ""},
          {"lost", detached(ErrorCode::kIo), "retry 50, told trouble io_error"},
          {"retry", kRetryDue, "attach s1"},
          {"attached", kAttached, "register s1 0 #2"},
          {"registered", registered(2, 0), "told registered"},
          {"alive", kAlive, "told restored 1, register s1 1 #2"},
          {"registered", registered(2, 1), "told registered"},
          {"alive", kAlive, ""}});
}

TEST(RegistrationPlan, ANewSessionCarriesWhatIsWithdrawnToo) {
  run(1, settled_then(
             {{"withdrawn", withdrawn(0), ""},
              {"ended", ended(ErrorCode::kNotFound), "detach, retry 50, told trouble not_found"},
              {"retry", kRetryDue, "open"},
              {"opened", opened("s2"), "attach s2, register s2 0 #3"}}));
  run(1, settled_then({{"withdrawn", withdrawn(0), ""},
                       {"moved", [](RegistrationPlan& p) { return p.moved(); }, "detach"},
                       {"retry", kRetryDue, "attach s1"},
                       {"attached", kAttached, "register s1 0 #3"}}));
}

// --- What the provider says of itself ---

TEST(RegistrationPlan, AStatusIsSentOnceItsInstanceIsRegistered) {
  run(1, {{"start", kStart, "open"},
          {"status", status_changed(0), ""},
          {"opened", opened("s1"), "beat 2000, attach s1, register s1 0 #1"},
          {"status", status_changed(0), ""},
          {"attached", kAttached, ""},
          {"registered", registered(1, 0), "told registered, status s1 0 #1"},
          {"answered", status_answered(1, 0), ""},
          {"beat, attached", kBeatDue, "beat 2000"}});
}

TEST(RegistrationPlan, OfSeveralStatusesTheLastIsSentWhenTheOneUnderWayIsAnswered) {
  run(1, settled_then({{"one", status_changed(0), "status s1 0 #1"},
                       {"two", status_changed(0), ""},
                       {"three", status_changed(0), ""},
                       {"answered", status_answered(1, 0), "status s1 0 #1"},
                       {"answered", status_answered(1, 0), ""}}));
}

TEST(RegistrationPlan, AStatusIsSentAgainAfterEachRegistration) {
  run(1, settled_then({{"status", status_changed(0), "status s1 0 #1"},
                       {"lost", detached(ErrorCode::kIo), "retry 50, told trouble io_error"},
                       {"its answer", status_answered(1, 0, ErrorCode::kIo), ""},
                       {"another", status_changed(0), ""},
                       {"beat", kBeatDue, "heartbeat s1, beat 2000"},
                       {"retry", kRetryDue, "attach s1"},
                       {"attached", kAttached, "register s1 0 #2"},
                       {"registered", registered(2, 0), "told registered, status s1 0 #2"},
                       {"answered", status_answered(2, 0), ""},
                       {"moved", [](RegistrationPlan& p) { return p.moved(); }, "detach"},
                       {"retry", kRetryDue, "attach s1"},
                       {"attached", kAttached, "register s1 0 #4"},
                       {"an old answer", status_answered(2, 0, ErrorCode::kInvalid), ""},
                       {"registered", registered(4, 0), "told registered, status s1 0 #4"}}));
}

TEST(RegistrationPlan, AStatusThatFindsNoServerGoesWithTheNextHeartbeat) {
  run(1, settled_then({{"status", status_changed(0), "status s1 0 #1"},
                       {"overloaded", status_answered(1, 0, ErrorCode::kOverloaded), ""},
                       {"beat", kBeatDue, "status s1 0 #1, beat 2000"},
                       {"answered", status_answered(1, 0), ""},
                       {"beat", kBeatDue, "beat 2000"}}));
}

TEST(RegistrationPlan, AStatusThatIsRefusedIsToldAndNotRepeated) {
  run(1, settled_then({{"status", status_changed(0), "status s1 0 #1"},
                       {"refused", status_answered(1, 0, ErrorCode::kInvalid),
                        "told status refused 0 invalid"},
                       {"beat", kBeatDue, "beat 2000"},
                       {"status", status_changed(0), "status s1 0 #1"},
                       {"its instance is gone", status_answered(1, 0, ErrorCode::kNotFound), ""},
                       {"beat", kBeatDue, "beat 2000"}}));
}

TEST(RegistrationPlan, WhatIsRefusedForGoodEndsIt) {
  run(1, {{"start", kStart, "open"},
          {"refused", open_failed(ErrorCode::kInvalid), "told finished invalid"}});
  run(1, {{"start", kStart, "open"},
          {"opened", opened("s1"), "beat 2000, attach s1, register s1 0 #1"},
          {"over a limit", register_failed(1, 0, ErrorCode::kLimit), "close s1, deadline 2000"},
          {"closed", closed(ErrorCode::kIo), "detach, told finished limit_exceeded"}});
}

TEST(RegistrationPlan, OverloadIsWaitedFor) {
  run(2, {{"start", kStart, "open"},
          {"no server", open_failed(ErrorCode::kIo), "retry 50, told trouble io_error"},
          {"retry", kRetryDue, "open"},
          {"not ready", open_failed(ErrorCode::kNotReady), "retry 100, told trouble not_ready"},
          {"retry", kRetryDue, "open"},
          {"opened", opened("s1"), "beat 2000, attach s1, register s1 0 #1, register s1 1 #1"},
          {"overloaded", register_failed(1, 0, ErrorCode::kOverloaded),
           "retry 200, told trouble overloaded"},
          {"the other too", register_failed(1, 1, ErrorCode::kOverloaded), ""},
          {"attached", kAttached, ""},
          {"retry", kRetryDue, "register s1 0 #1, register s1 1 #1"}});
}

TEST(RegistrationPlan, StopClosesTheSessionBeforeTheStream) {
  run(1, settled_then({{"stop", kStop, "close s1, deadline 2000"},
                       {"stop again", kStop, ""},
                       {"the stream ends", ended(ErrorCode::kNotFound), ""},
                       {"closed", closed(std::nullopt), "detach, told finished ok"},
                       {"deadline", kDeadlineDue, ""}}));
}

TEST(RegistrationPlan, StopIsBounded) {
  run(1, settled_then({{"stop", kStop, "close s1, deadline 2000"},
                       {"deadline", kDeadlineDue, "detach, told finished overloaded"},
                       {"a late answer", closed(std::nullopt), ""}}));
  run(1, settled_then({{"stop", kStop, "close s1, deadline 2000"},
                       {"refused", closed(ErrorCode::kIo), "detach, told finished io_error"}}));
  run(1,
      settled_then({{"stop", kStop, "close s1, deadline 2000"},
                    {"gone already", closed(ErrorCode::kNotFound), "detach, told finished ok"}}));
}

TEST(RegistrationPlan, StopWhileOpeningClosesWhatWasOpened) {
  run(1, {{"start", kStart, "open"},
          {"stop", kStop, "deadline 2000"},
          {"opened", opened("s1"), "close s1"},
          {"closed", closed(std::nullopt), "told finished ok"}});
  run(1, {{"start", kStart, "open"},
          {"stop", kStop, "deadline 2000"},
          {"no server", open_failed(ErrorCode::kIo), "told finished ok"}});
  run(1, {{"start", kStart, "open"},
          {"no server", open_failed(ErrorCode::kIo), "retry 50, told trouble io_error"},
          {"stop", kStop, "told finished ok"},
          {"retry", kRetryDue, ""}});
}

}  // namespace
}  // namespace callbook::sdk
