#include "node/audit_log.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log_text.h"

namespace callbook::node {
namespace {

using base::LogLevel;
using base::LogLine;
using core::Cause;
using core::Incident;
using core::InstanceRegistered;
using core::Reply;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Result = base::Result<Reply>;

core::Caller caller(std::string peer = "10.0.0.7:4100") {
  return {"native", std::make_shared<const std::string>(std::move(peer))};
}

core::InstanceKey key(std::string id, std::string service = "orders",
                      std::string space = "default") {
  return {{space, service}, std::move(id)};
}

Result registered(InstanceRegistered::Effect effect) {
  InstanceRegistered reply;
  reply.effect = effect;
  return Reply(reply);
}

core::RegisterInstance registration(std::string id) {
  core::RegisterInstance input;
  input.key = key(std::move(id));
  input.registration.address = "10.0.0.7";
  input.registration.port = 80;
  input.registration.holder = {core::HolderKind::kSession, {0xabcdef0123456789, 1}, 0};
  return input;
}

Result refused(std::string detail) {
  return base::Error{base::ErrorCode::kNotFound, "id", std::move(detail), std::nullopt};
}

void remove(core::Incidents& incidents, int number, Cause cause = Cause::kSessionExpired) {
  const std::string service = number % 3 == 0 ? "orders" : number % 3 == 1 ? "stock" : "mail";
  incidents.add(Incident::Kind::kRemoved, cause, {"default", service}, [&](Incident::Named& named) {
    named.instance = key(fmt::format("i-{}", number), service);
    named.address = "10.0.0.9";
    named.port = 8080;
    named.session = {0xabcdef0123456789, 1};
    named.client = "orders@host 7";
  });
}

base::Now at(int64_t mono_ms) {
  return {mono_ms, 1'700'000'000'000 + mono_ms};
}

std::vector<std::string> texts(const std::vector<LogLine>& lines) {
  std::vector<std::string> all;
  for (const LogLine& line : lines) all.push_back(line.text);
  return all;
}

std::string json(const LogLine& line) {
  std::string out;
  base::append_json_members(out, line);
  return out;
}

TEST(AuditLog, AnOperatorsActIsOneLineAtOnce) {
  AuditLog log(LogLevel::kInfo);
  log.note(core::SetOverride{key("o-1"), 10, true, "alice", "bad disk"},
           Reply(core::OverrideChanged{}), caller(), at(0));
  log.note(core::RemoveOverride{key("o-1", "orders", "billing"), "bob", ""},
           Reply(core::OverrideChanged{}), caller(), at(0));
  log.note(core::ReleaseBreaker{{"default", "orders"}, "carol", "fire"},
           Reply(core::BreakerReleased{2}), caller("[::1]:9"), at(0));
  const auto lines = log.take(0);
  EXPECT_THAT(texts(lines),
              ElementsAre("override set: orders/o-1 state=out_of_service weight=10 by=alice "
                          "reason=\"bad disk\" peer=10.0.0.7:4100 dialect=native",
                          "override removed: billing/orders/o-1 by=bob peer=10.0.0.7:4100 "
                          "dialect=native",
                          "protection released: orders groups=2 by=carol reason=fire peer=[::1]:9 "
                          "dialect=native"));
  for (const LogLine& line : lines) EXPECT_EQ(line.level, LogLevel::kInfo);
  EXPECT_EQ(json(lines[0]).substr(0, 23), R"("event":"override_set",)");
  EXPECT_THAT(json(lines[0]),
              testing::EndsWith(R"("service":"orders","id":"o-1","state":"out_of_service",)"
                                R"("weight":10,"by":"alice","reason":"bad disk",)"
                                R"("peer":"10.0.0.7:4100","dialect":"native")"));
  EXPECT_THAT(json(lines[1]),
              testing::HasSubstr(R"("service":"orders","namespace":"billing","id":"o-1")"));
}

TEST(AuditLog, EveryActHasItsLineHoweverManyThereAre) {
  AuditLog log(LogLevel::kInfo);
  for (int i = 0; i < 100; ++i) {
    log.note(core::SetOverride{key("o-1"), 0, false, "alice", ""}, Reply(core::OverrideChanged{}),
             caller(), at(0));
  }
  EXPECT_THAT(log.take(0), SizeIs(100));
}

TEST(AuditLog, ARefusedActSaysWhy) {
  AuditLog log(LogLevel::kInfo);
  log.note(core::SetOverride{key("o-1"), 10, true, "alice", "x"}, refused("is not known"), caller(),
           at(1'000));
  EXPECT_THAT(log.take(1'999), IsEmpty()) << "there may be more of it";
  const auto lines = log.take(2'000);
  EXPECT_THAT(texts(lines),
              ElementsAre("refused: override of orders/o-1 error=not_found "
                          "detail=\"id: is not known\" by=alice reason=x peer=10.0.0.7:4100 "
                          "dialect=native"));
  EXPECT_EQ(lines[0].event, "act_refused");
}

TEST(AuditLog, AFloodOfRefusalsIsSummedByError) {
  AuditLog log(LogLevel::kInfo);
  for (int i = 0; i < 2'000; ++i) {
    log.note(core::RemoveOverride{key(fmt::format("o-{}", i)), "m", ""}, refused("no"),
             caller(fmt::format("10.0.0.7:{}", i)), at(1'000));
  }
  log.note(core::RefusedAct{{"release", key(""), "", ""}, base::invalid("by", "is long"), caller()},
           at(1'500));
  EXPECT_THAT(texts(log.take(2'400)),
              ElementsAre("refused 2000 acts of operators: not_found (first: restore of orders/o-0 "
                          "from 10.0.0.7:0, restore of orders/o-1 from 10.0.0.7:1, restore of "
                          "orders/o-2 from 10.0.0.7:2, \u2026)"));
  EXPECT_THAT(texts(log.take(2'500)),
              ElementsAre("refused: release of orders error=invalid detail=\"by: is long\" "
                          "peer=10.0.0.7:4100 dialect=native"));
}

TEST(AuditLog, AFewRemovalsAreALineEach) {
  AuditLog log(LogLevel::kInfo);
  core::Incidents incidents;
  for (int i = 0; i < 10; ++i) remove(incidents, i);
  log.note(incidents, {}, at(5'000));
  EXPECT_THAT(log.take(5'999), IsEmpty());
  const auto lines = log.take(6'000);
  ASSERT_THAT(lines, SizeIs(10));
  EXPECT_EQ(lines[1].text,
            "removed: stock/i-1 cause=session_expired address=10.0.0.9:8080 session=abcdef012345 "
            "client=\"orders@host 7\"");
  EXPECT_EQ(lines[1].event, "instance_removed");
  EXPECT_THAT(log.take(60'000), IsEmpty()) << "once";
}

TEST(AuditLog, MoreThanTenOfOneCauseWithinASecondAreOneLine) {
  AuditLog log(LogLevel::kInfo);
  for (int step = 0; step < 9; ++step) {
    core::Incidents incidents;
    for (int i = 0; i < 100; ++i) remove(incidents, step * 100 + i);
    if (step == 3) remove(incidents, 0, Cause::kProbeRefused);
    log.note(incidents, {}, at(5'000 + step * 100));
  }
  const auto lines = log.take(6'300);
  EXPECT_THAT(texts(lines),
              ElementsAre("removed 900 instances of 3 services: session_expired (first: "
                          "orders/i-0, stock/i-1, mail/i-2, \u2026)",
                          "removed: orders/i-0 cause=probe_refused address=10.0.0.9:8080 "
                          "session=abcdef012345 client=\"orders@host 7\""));
  EXPECT_EQ(json(lines[0]),
            R"("event":"instances_removed","message":"removed 900 instances of 3 services: )"
            "session_expired (first: orders/i-0, stock/i-1, mail/i-2, \u2026)\","
            R"("count":900,"first":["orders/i-0","stock/i-1","mail/i-2"],"services":3,)"
            R"("cause":"session_expired")");
}

TEST(AuditLog, WhatIsToldLaterBearsItsOwnTime) {
  AuditLog log(LogLevel::kInfo);
  core::Incidents few;
  remove(few, 1, Cause::kDrained);
  log.note(few, {}, at(0));
  log.note(few, {}, at(300));
  core::Incidents many;
  for (int i = 0; i < 11; ++i) remove(many, i);
  log.note(many, {}, at(200));
  log.note(core::RefusedAct{}, at(400));
  const auto lines = log.take(2'000);
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_EQ(lines[0].wall_ms, at(0).wall_ms);
  EXPECT_EQ(lines[1].wall_ms, at(300).wall_ms);
  EXPECT_EQ(lines[2].wall_ms, at(200).wall_ms) << "a sum: when it began";
  EXPECT_EQ(lines[3].wall_ms, at(400).wall_ms);
}

TEST(AuditLog, TheNextSecondIsSummedApart) {
  AuditLog log(LogLevel::kInfo);
  core::Incidents mass;
  for (int i = 0; i < 11; ++i) remove(mass, i);
  log.note(mass, {}, at(0));
  EXPECT_THAT(log.take(1'000), SizeIs(1));
  core::Incidents one;
  remove(one, 1);
  log.note(one, {}, at(1'001));
  EXPECT_THAT(texts(log.take(2'001)), ElementsAre(testing::StartsWith("removed: stock/i-1")));
}

TEST(AuditLog, WhoTakesAnIdOverIsNamedWithItsPeer) {
  AuditLog log(LogLevel::kInfo);
  core::Incidents incidents;
  incidents.add(Incident::Kind::kTakenOver, Cause::kRegistered, {"default", "orders"},
                [](Incident::Named& named) {
                  named.instance = key("o-1");
                  named.session = {1, 1};
                  named.client = "old";
                  named.heir = {2, 1};
                  named.heir_client = "new";
                });
  log.note(incidents, caller(), at(0));
  EXPECT_THAT(texts(log.take(1'000)),
              ElementsAre("taken over by a later session: orders/o-1 by_session=000000000000 "
                          "by_client=new session=000000000000 client=old peer=10.0.0.7:4100 "
                          "dialect=native"));
}

TEST(AuditLog, WhatIsInheritedOfALostNode) {
  AuditLog log(LogLevel::kInfo);
  core::Incidents incidents;
  incidents.add(Incident::Kind::kInherited, Cause::kHomeLost, {}, [](Incident::Named& named) {
    named.session = {0xff00000000000000, 1};
    named.client = "c";
    named.lost_node = "reg-2";
    named.instances = 3;
  });
  log.note(incidents, {}, at(0));
  const auto lines = log.take(1'000);
  EXPECT_THAT(texts(lines), ElementsAre("taken over from a lost node: session ff0000000000 "
                                        "cause=home_lost node=reg-2 instances=3 "
                                        "session=ff0000000000 client=c"));
  EXPECT_EQ(lines[0].event, "session_inherited");
}

TEST(AuditLog, SessionsThatLapseAreSummedToo) {
  AuditLog log(LogLevel::kInfo);
  core::Incidents incidents;
  for (int i = 0; i < 10'000; ++i) {
    incidents.add(Incident::Kind::kSessionEnded, Cause::kSessionExpired, {},
                  [&](Incident::Named& named) { named.client = fmt::format("c {}", i); });
  }
  log.note(incidents, {}, at(0));
  EXPECT_THAT(
      texts(log.take(1'000)),
      ElementsAre("ended 10000 sessions without instances: session_expired (first: \"c 0\", "
                  "\"c 1\", \"c 2\", \u2026)"));
}

TEST(AuditLog, ProvidersAreCountedOnceASecond) {
  AuditLog log(LogLevel::kInfo);
  using Effect = InstanceRegistered::Effect;
  for (int i = 0; i < 120; ++i)
    log.note(registration("o"), registered(Effect::kCreated), caller(), at(0));
  for (int i = 0; i < 8; ++i)
    log.note(registration("o"), registered(Effect::kUpdated), caller(), at(100));
  log.note(registration("o"), registered(Effect::kUnchanged), caller(), at(100));
  log.note(registration("o"), refused("no"), caller(), at(100));
  log.note(core::DeregisterInstance{key("o"), {}}, Reply(core::InstanceDeregistered{}), caller(),
           at(100));
  log.note(core::CloseSession{}, Reply(core::SessionEnded{{}, Cause::kSessionClosed, 2}), caller(),
           at(200));
  EXPECT_THAT(log.take(999), IsEmpty());
  const auto lines = log.take(1'000);
  EXPECT_THAT(texts(lines),
              ElementsAre("registered 120, deregistered 3, updated 8 in the last second"));
  EXPECT_EQ(json(lines[0]),
            R"("event":"registrations","message":"registered 120, deregistered 3, updated 8 in )"
            R"(the last second","registered":120,"deregistered":3,"updated":8,"window_ms":1000)");
  EXPECT_THAT(log.take(10'000), IsEmpty()) << "nothing when there was none";
  log.note(registration("o"), registered(Effect::kCreated), caller(), at(20'000));
  EXPECT_THAT(texts(log.take(24'000)),
              ElementsAre("registered 1, deregistered 0, updated 0 in the last 4 s"));
}

TEST(AuditLog, AtDebugEachOfThemIsALineBesides) {
  AuditLog log(LogLevel::kDebug);
  log.note(registration("o-1"), registered(InstanceRegistered::Effect::kCreated), caller(), at(0));
  log.note(registration("o-1"), refused("no"), caller(), at(0));
  log.note(core::RefreshSession{{1, 1}}, Reply(core::SessionRefreshed{}), caller(), at(0));
  log.note(core::AdvanceTime{}, Reply(core::Done{}), {}, at(0));
  const auto lines = log.take(0);
  EXPECT_THAT(texts(lines),
              ElementsAre("registered: orders/o-1 address=10.0.0.7:80 session=abcdef012345 "
                          "peer=10.0.0.7:4100 dialect=native",
                          "refused: register of orders/o-1 address=10.0.0.7:80 "
                          "session=abcdef012345 error=not_found detail=\"id: no\" "
                          "peer=10.0.0.7:4100 dialect=native"));
  for (const LogLine& line : lines) EXPECT_EQ(line.level, LogLevel::kDebug);
  EXPECT_EQ(lines[0].event, "instance_registered");
  EXPECT_EQ(lines[1].event, "call_refused");
  EXPECT_THAT(log.take(1'000), SizeIs(1)) << "the count";
}

TEST(AuditLog, SignsOfLifeAreForTrace) {
  AuditLog log(LogLevel::kTrace);
  log.note(core::RefreshSession{{1, 1}}, Reply(core::SessionRefreshed{}), caller(), at(0));
  const auto lines = log.take(0);
  EXPECT_THAT(texts(lines), ElementsAre("heartbeat: session 000000000000 peer=10.0.0.7:4100 "
                                        "dialect=native"));
  EXPECT_EQ(lines[0].level, LogLevel::kTrace);
}

TEST(AuditLog, AboveInfoNoLineIsMade) {
  AuditLog log(LogLevel::kWarn);
  log.note(core::SetOverride{key("o-1"), 10, true, "alice", "x"}, Reply(core::OverrideChanged{}),
           caller(), at(0));
  log.note(core::SetOverride{key("o-1"), 10, true, "alice", "x"}, refused("no"), caller(), at(0));
  log.note(registration("o"), registered(InstanceRegistered::Effect::kCreated), caller(), at(0));
  core::Incidents incidents;
  remove(incidents, 1);
  log.note(incidents, {}, at(0));
  EXPECT_THAT(log.take_all(5'000), IsEmpty());
}

TEST(AuditLog, AStopWaitsForNoWindow) {
  AuditLog log(LogLevel::kInfo);
  core::Incidents incidents;
  remove(incidents, 1);
  log.note(incidents, {}, at(100));
  log.note(registration("o"), registered(InstanceRegistered::Effect::kCreated), caller(), at(100));
  EXPECT_THAT(log.take_all(200), SizeIs(2));
  EXPECT_THAT(log.take_all(5'000), IsEmpty());
}

TEST(AuditLog, NoTextPassesForAnotherLineOrField) {
  AuditLog log(LogLevel::kInfo);
  log.note(
      core::SetOverride{key("o-1"),
                        {},
                        true,
                        "alice\" reason=\"fine",
                        "x\n2026-01-01T00:00:00 info override removed: a/b by=root\u202e\u009b"},
      Reply(core::OverrideChanged{}), caller(), at(0));
  const auto lines = log.take(0);
  ASSERT_THAT(lines, SizeIs(1));
  std::string shown;
  base::append_visible(shown, lines[0].text);
  EXPECT_EQ(shown,
            "override set: orders/o-1 state=out_of_service by=\"alice\\\" reason=\\\"fine\" "
            "reason=\"x\\u000a2026-01-01T00:00:00 info override removed: a/b "
            "by=root\\u202e\\u009b\" peer=10.0.0.7:4100 dialect=native");
}

TEST(AuditLog, NamesThatAreNoneAreQuotedAndCut) {
  core::RefusedAct act{{"override", key("o 1\n", std::string(10'000, 's')), "", ""},
                       base::invalid("service", "is long"),
                       caller()};
  const LogLine line = refusal_line(act);
  EXPECT_LT(line.text.size(), 2 * base::kMostValueBytes);
  for (const base::LogField& field : line.fields) {
    EXPECT_LE(std::get<std::string>(field.value).size(), base::kMostValueBytes);
  }
  EXPECT_EQ(text_of(key("o 1")), "\"orders/o 1\"");
}

}  // namespace
}  // namespace callbook::node
