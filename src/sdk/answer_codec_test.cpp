#include "sdk/answer_codec.h"

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

using base::ErrorCode;

TEST(AnswerCodec, ReadsASession) {
  const auto grant = decode_session(
      R"({"session":"ab12","ttl_ms":6000,"heartbeat_ms":2000,"nodes":["a:1","b:2"],"new":1})");
  ASSERT_TRUE(grant.ok());
  EXPECT_EQ(grant.value().id, "ab12");
  EXPECT_EQ(grant.value().ttl_ms, 6000);
  EXPECT_EQ(grant.value().heartbeat_ms, 2000);
  EXPECT_EQ(grant.value().nodes, (std::vector<std::string>{"a:1", "b:2"}));
  for (const char* json :
       {"", "{}", R"({"session":"x"})", R"({"session":"x","heartbeat_ms":0})",
        R"({"session":1,"heartbeat_ms":1})", R"({"session":"x","heartbeat_ms":1,"nodes":[1]})"}) {
    EXPECT_FALSE(decode_session(json).ok()) << json;
  }
}

TEST(AnswerCodec, ReadsWhetherASessionSpeaks) {
  EXPECT_FALSE(decode_session(R"({"session":"x","heartbeat_ms":1})")->speaks);
  EXPECT_TRUE(decode_session(R"({"session":"x","heartbeat_ms":1,"speaks":true})")->speaks);
}

TEST(AnswerCodec, ReadsWhatAnOperatorHasDone) {
  const auto event = decode_withdrawal(
      R"({"service":"orders","id":"o-1","action":"drain","by":"alice","reason":"bad disk"})");
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->service, "orders");
  EXPECT_EQ(event->name_space, "default");
  EXPECT_EQ(event->id, "o-1");
  EXPECT_EQ(event->withdrawal, (Withdrawal{"drain", "alice", "bad disk"}));
  EXPECT_EQ(decode_withdrawal(R"({"service":"s","namespace":"n","id":"i"})")->name_space, "n");
}

TEST(AnswerCodec, ReadsProblemsByTitleThenByStatus) {
  const base::Error limit = decode_problem(
      422, R"({"title":"limit_exceeded","status":422,"field":"metadata","limit":64,"detail":"d"})");
  EXPECT_EQ(limit.code, ErrorCode::kLimit);
  EXPECT_EQ(limit.field, "metadata");
  EXPECT_EQ(limit.limit, 64);
  EXPECT_EQ(limit.detail, "d");

  struct Case {
    int status;
    const char* body;
    ErrorCode expected;
  };
  for (const Case& c :
       {Case{404, R"({"title":"not_found"})", ErrorCode::kNotFound},
        Case{409, R"({"title":"superseded"})", ErrorCode::kSuperseded},
        Case{409, R"({"title":"conflict"})", ErrorCode::kConflict},
        Case{503, R"({"title":"not_ready"})", ErrorCode::kNotReady},
        Case{503, R"({"title":"applied_not_logged"})", ErrorCode::kAppliedNotLogged},
        Case{405, R"({"title":"method_not_allowed"})", ErrorCode::kInvalid},
        Case{503, "<html>", ErrorCode::kOverloaded}, Case{404, "", ErrorCode::kNotFound},
        Case{500, "oops", ErrorCode::kOverloaded}, Case{302, "", ErrorCode::kInvalid},
        Case{413, R"({"title":7})", ErrorCode::kLimit}}) {
    EXPECT_EQ(decode_problem(c.status, c.body).code, c.expected) << c.status << c.body;
    EXPECT_FALSE(decode_problem(c.status, c.body).detail.empty());
  }
}

TEST(AnswerCodec, ReadsPagesOfServices) {
  const auto page =
      decode_services(R"({"services":[{"service":"a","instances":3,"version":9}],"next":"a"})");
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page.value().services.size(), 1u);
  EXPECT_EQ(page.value().services[0].instances, 3u);
  EXPECT_EQ(page.value().next, "a");
  EXPECT_FALSE(decode_services(R"({"services":[1]})").ok());
}

TEST(AnswerCodec, WritesWhatTheServerAsksFor) {
  EXPECT_EQ(encode_session({}), "{}");
  EXPECT_EQ(encode_session({6000, "a@b", true, "0af9"}),
            R"({"ttl_ms":6000,"client":"a@b","speaks":true,"process":"0af9"})");
  EXPECT_EQ(encode_resumption("s", 0, false), R"({"resume":"s"})");
  EXPECT_EQ(encode_resumption("s", 3, true), R"({"resume":"s","epoch":3,"speaks":true})");
  EXPECT_EQ(encode_status({Status::kUp, ""}), R"({"status":"up"})");
  EXPECT_EQ(encode_status({Status::kNotReady, "a \"b\""}),
            R"({"status":"not_ready","text":"a \"b\""})");
  Instance instance{"o-1", "10.0.0.7", 8080, {{"grpc", 1}}, "a", 5, {{"v", "\""}}, "up"};
  EXPECT_EQ(encode_registration(instance, "s"),
            R"({"address":"10.0.0.7","port":8080,"ports":{"grpc":1},"zone":"a","weight":5,)"
            R"("metadata":{"v":"\""},"session":"s"})");
  instance = Instance{"o-1", "h", 0, {}, "", kDefaultWeight, {}, "up"};
  EXPECT_EQ(encode_registration(instance, "s"), R"({"address":"h","session":"s"})");
  EXPECT_EQ(encode_registration(instance, "s", Status::kStarting),
            R"({"address":"h","status":"starting","session":"s"})");
  EXPECT_EQ(encode_watch({{"a", 0}, {"b", std::nullopt}}),
            R"({"services":[{"service":"a","digest":"AAAAAAAAAAA"},{"service":"b"}]})");
}

}  // namespace
}  // namespace callbook::sdk
