#include "sdk/event_codec.h"

#include <string>

#include <gtest/gtest.h>

#include "sdk/list_digest.h"

namespace callbook::sdk {
namespace {

TEST(EventCodec, ReadsASnapshotWithEverything) {
  const auto part = decode_snapshot(
      R"({"service":"orders","namespace":"x","version":42,"digest":"AAAAAAAAAAE","part":2,
          "instances":[{"id":"o-1","address":"10.0.0.7","port":8080,"ports":{"grpc":9090},
                        "zone":"a","weight":7,"metadata":{"v":"\u00fc"},"state":"suspect",
                        "new_field":{"x":[1]}},
                       {"id":"o-2","address":"::1"}],"newer":null})");
  ASSERT_TRUE(part.ok()) << part.error().to_string();
  EXPECT_EQ(part.value().service, "orders");
  EXPECT_EQ(part.value().part, 2u);
  EXPECT_EQ(part.value().digest, 1u);
  ASSERT_EQ(part.value().instances.size(), 2u);
  const Instance expected{"o-1", "10.0.0.7",          8080,     {{"grpc", 9090}}, "a",
                          7,     {{"v", "\xc3\xbc"}}, "suspect"};
  EXPECT_EQ(part.value().instances[0], expected);
  EXPECT_EQ(part.value().instances[1], (Instance{"o-2", "::1", 0, {}, "", 100, {}, "up"}));
  EXPECT_FALSE(part.value().empty.has_value());
}

TEST(EventCodec, ReadsWhyAListIsEmpty) {
  const auto part = decode_snapshot(
      R"({"service":"s","instances":[],"empty":{"reason":"all_left","causes":{"drained":3}}})");
  ASSERT_TRUE(part.ok());
  EXPECT_EQ(part.value().empty, (Emptiness{"all_left", {{"drained", 3}}}));
  EXPECT_EQ(part.value().part, 1u);
  EXPECT_FALSE(part.value().digest.has_value());
}

TEST(EventCodec, ReadsADelta) {
  const auto delta = decode_delta(
      R"({"service":"s","digest":"AAAAAAAAAAA",
          "put":{"b":{"address":"x","port":1},"a":{"address":"y","cause":"probe_refused"}},
          "gone":{"c":"deregistered"},"state":{"d":["suspect","session_expired"],"e":["up"]}})");
  ASSERT_TRUE(delta.ok()) << delta.error().to_string();
  ASSERT_EQ(delta.value().put.size(), 2u);
  EXPECT_EQ(delta.value().put[0].instance.id, "b");
  EXPECT_EQ(delta.value().put[0].cause, "registered");
  EXPECT_EQ(delta.value().put[1].cause, "probe_refused");
  ASSERT_EQ(delta.value().gone.size(), 1u);
  EXPECT_EQ(delta.value().gone[0].id, "c");
  EXPECT_EQ(delta.value().gone[0].cause, "deregistered");
  ASSERT_EQ(delta.value().states.size(), 2u);
  EXPECT_EQ(delta.value().states[0].state, "suspect");
  EXPECT_EQ(delta.value().states[0].cause, "session_expired");
  EXPECT_EQ(delta.value().states[1].state, "up");
  EXPECT_EQ(delta.value().digest, 0u);
}

TEST(EventCodec, ReadsTheLargestSizeLately) {
  EXPECT_EQ(decode_snapshot(R"({"service":"s","instances":[]})")->largest, 0u);
  EXPECT_EQ(decode_snapshot(R"({"service":"s","instances":[],"largest":12})")->largest, 12u);
  EXPECT_EQ(decode_delta(R"({"service":"s","digest":"AAAAAAAAAAA"})")->largest, 0u);
  EXPECT_EQ(decode_delta(R"({"service":"s","largest":7})")->largest, 7u);
  EXPECT_FALSE(decode_delta(R"({"service":"s","largest":-7})").ok());
}

TEST(EventCodec, MalformedSnapshotsAreErrors) {
  for (const char* json :
       {"", "{", "[]", "null", "7", "\"x\"", R"({"service":"s"} trailing)", "\xff\xfe", R"({})",
        R"({"service":7})", R"({"service":""})", R"({"service":"s","digest":"short"})",
        R"({"service":"s","digest":9})", R"({"service":"s","part":-1})",
        R"({"service":"s","part":4294967296})", R"({"service":"s","instances":{}})",
        R"({"service":"s","empty":[]})", R"({"service":"s","empty":{"causes":{"x":"3"}}})"}) {
    const auto part = decode_snapshot(json);
    ASSERT_FALSE(part.ok()) << json;
    EXPECT_EQ(part.error().code, base::ErrorCode::kInvalid) << json;
  }
}

TEST(EventCodec, MalformedDeltasAreErrors) {
  for (const char* json :
       {"", "{}", R"({"service":"s","put":[]})", R"({"service":"s","gone":["a"]})",
        R"({"service":"s","state":["a"]})", R"({"service":"s","digest":"AAAAAAAAAAB"})"}) {
    EXPECT_FALSE(decode_delta(json).ok()) << json;
  }
}

TEST(EventCodec, MalformedRecordsAreLeftOutAndCounted) {
  const std::string long_name(129, 'a');
  for (const std::string& record : {
           std::string("7"),
           std::string("{}"),
           std::string(R"({"id":"a"})"),
           std::string(R"({"address":"h"})"),
           std::string(R"({"id":7,"address":"h"})"),
           std::string(R"({"id":"a\u0001","address":"h"})"),
           R"({"id":")" + long_name + R"(","address":"h"})",
           std::string(R"({"id":"a","address":"no address"})"),
           std::string(R"({"id":"a","address":"b","port":65536})"),
           std::string(R"({"id":"a","address":"b","port":-1})"),
           std::string(R"({"id":"a","address":"b","port":"80"})"),
           std::string(R"({"id":"a","address":"b","port":1.5})"),
           std::string(R"({"id":"a","address":"b","weight":-1})"),
           std::string(R"({"id":"a","address":"b","weight":65536})"),
           std::string(R"({"id":"a","address":"b","weight":4294967296})"),
           R"({"id":"a","address":"b","zone":")" + long_name + R"("})",
           R"({"id":"a","address":"b","state":")" + long_name + R"("})",
           std::string(R"({"id":"a","address":"b","state":""})"),
           std::string(R"({"id":"a","address":"b","ports":[]})"),
           std::string(R"({"id":"a","address":"b","ports":{"x":99999}})"),
           std::string(R"({"id":"a","address":"b","ports":{"x":0}})"),
           std::string(R"({"id":"a","address":"b","metadata":{"x":1}})"),
           std::string(R"({"id":"a","address":"b","metadata":{"x":"\n"}})"),
       }) {
    const auto part = decode_snapshot(
        R"({"service":"s","digest":"AAAAAAAAAAA","instances":[{"id":"0","address":"h"},)" + record +
        R"(,{"id":"z","address":"h"}]})");
    ASSERT_TRUE(part.ok()) << record;
    EXPECT_EQ(part->instances.size(), 2u) << record;
    EXPECT_EQ(part->skipped.count, 1u) << record;
    EXPECT_NE(part->skipped.why, "") << record;
  }
}

TEST(EventCodec, AddressesOfEarlierReleasesAreKept) {
  const auto part = decode_snapshot(
      R"({"service":"s","instances":[{"id":"a","address":"256.1.1.1"},{"id":"b","address":"H.X."},
          {"id":"c","address":"fe80::1%eth0"},{"id":"d","address":"0.0.0.0"}]})");
  ASSERT_TRUE(part.ok()) << part.error().to_string();
  EXPECT_EQ(part->instances.size(), 4u);
  EXPECT_EQ(part->skipped.count, 0u) << part->skipped.why;
}

TEST(EventCodec, UnknownStatesAreKept) {
  const auto part = decode_snapshot(
      R"({"service":"s","instances":[{"id":"a","address":"h","weight":65535,"state":"resting"}]})");
  ASSERT_TRUE(part.ok());
  ASSERT_EQ(part->instances.size(), 1u);
  EXPECT_EQ(part->instances[0].state, "resting");
  EXPECT_EQ(part->instances[0].weight, 65'535u);
}

TEST(EventCodec, MalformedRecordsOfADeltaAreLeftOutAndCounted) {
  const auto delta = decode_delta(
      R"({"service":"s","put":{"a":1,"b":{},"":{"address":"x"},"c":{"address":"h","port":70000},
          "ok":{"address":"h"}},"gone":{"d":1,"e":"drained"},
          "state":{"f":[],"g":"suspect","h":[1],"i":["up",2],"j":["down",""],"k":[""]}})");
  ASSERT_TRUE(delta.ok()) << delta.error().to_string();
  EXPECT_EQ(delta->skipped.count, 10u);
  EXPECT_EQ(delta->skipped.why, "'a': invalid: put: the registry's put is no object");
  ASSERT_EQ(delta->put.size(), 1u);
  EXPECT_EQ(delta->put[0].instance.id, "ok");
  ASSERT_EQ(delta->gone.size(), 1u);
  EXPECT_EQ(delta->gone[0].id, "e");
  ASSERT_EQ(delta->states.size(), 1u);
  EXPECT_EQ(delta->states[0].id, "j");
}

TEST(EventCodec, DeepNestingIsAnErrorNotACrash) {
  const std::string deep = R"({"service":"s","x":)" + std::string(100'000, '[');
  EXPECT_FALSE(decode_snapshot(deep).ok());
}

}  // namespace
}  // namespace callbook::sdk
