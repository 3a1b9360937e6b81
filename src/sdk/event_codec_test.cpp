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

TEST(EventCodec, MalformedSnapshotsAreErrors) {
  for (const char* json :
       {"",
        "{",
        "[]",
        "null",
        "7",
        "\"x\"",
        R"({"service":"s"} trailing)",
        "\xff\xfe",
        R"({})",
        R"({"service":7})",
        R"({"service":""})",
        R"({"service":"s","digest":"short"})",
        R"({"service":"s","digest":9})",
        R"({"service":"s","part":-1})",
        R"({"service":"s","part":4294967296})",
        R"({"service":"s","instances":{}})",
        R"({"service":"s","instances":[7]})",
        R"({"service":"s","instances":[{}]})",
        R"({"service":"s","instances":[{"id":"a"}]})",
        R"({"service":"s","instances":[{"address":"a"}]})",
        R"({"service":"s","instances":[{"id":"a","address":"b","port":65536}]})",
        R"({"service":"s","instances":[{"id":"a","address":"b","port":"80"}]})",
        R"({"service":"s","instances":[{"id":"a","address":"b","port":1.5}]})",
        R"({"service":"s","instances":[{"id":"a","address":"b","weight":-1}]})",
        R"({"service":"s","instances":[{"id":"a","address":"b","ports":[]}]})",
        R"({"service":"s","instances":[{"id":"a","address":"b","ports":{"x":99999}}]})",
        R"({"service":"s","instances":[{"id":"a","address":"b","metadata":{"x":1}}]})",
        R"({"service":"s","empty":[]})",
        R"({"service":"s","empty":{"causes":{"x":"3"}}})"}) {
    const auto part = decode_snapshot(json);
    ASSERT_FALSE(part.ok()) << json;
    EXPECT_EQ(part.error().code, base::ErrorCode::kInvalid) << json;
  }
}

TEST(EventCodec, MalformedDeltasAreErrors) {
  for (const char* json :
       {"", "{}", R"({"service":"s","put":[]})", R"({"service":"s","put":{"a":1}})",
        R"({"service":"s","put":{"a":{}}})", R"({"service":"s","put":{"":{"address":"x"}}})",
        R"({"service":"s","gone":["a"]})", R"({"service":"s","gone":{"a":1}})",
        R"({"service":"s","state":{"a":[]}})", R"({"service":"s","state":{"a":"suspect"}})",
        R"({"service":"s","state":{"a":[1]}})", R"({"service":"s","digest":"AAAAAAAAAAB"})"}) {
    EXPECT_FALSE(decode_delta(json).ok()) << json;
  }
}

TEST(EventCodec, DeepNestingIsAnErrorNotACrash) {
  const std::string deep = R"({"service":"s","x":)" + std::string(100'000, '[');
  EXPECT_FALSE(decode_snapshot(deep).ok());
}

}  // namespace
}  // namespace callbook::sdk
