#include "bus/nats/wire.h"

#include <gtest/gtest.h>

namespace callbook::bus::nats {
namespace {

TEST(Wire, ReadsWhereADeliveredMessageStands) {
  const auto brief = parse_delivered("$JS.ACK.s.c.1.42.7.1669058325000000000.3");
  ASSERT_TRUE(brief.has_value());
  EXPECT_EQ(brief->stream_seq, 42U);
  EXPECT_EQ(brief->consumer_seq, 7U);
  EXPECT_EQ(brief->time_ns, 1669058325000000000U);
  const auto full = parse_delivered("$JS.ACK.hub.hash.s.c.1.43.8.1669058325000000000.3.rnd");
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->stream_seq, 43U);
  EXPECT_EQ(full->consumer_seq, 8U);
}

TEST(Wire, RefusesWhatIsNotOfADeliveredMessage) {
  for (const char* reply : {"", "_INBOX.x", "$JS.ACK.", "$JS.ACK.s.c.1.42.7.1", "$JS.FC.s.c.x",
                            "$JS.ACK.s.c.1.x.7.1.3", "$JS.ACK.s.c.1.42.-7.1.3"}) {
    EXPECT_FALSE(parse_delivered(reply).has_value()) << reply;
  }
}

TEST(Wire, AnAcknowledgementNamesItsStream) {
  EXPECT_TRUE(is_acknowledgement(R"({"stream":"a-tied", "seq":7})", "a-tied"));
  EXPECT_TRUE(is_acknowledgement(R"({"stream":"a-tied","domain":"d","seq":7})", "a-tied"));
  EXPECT_FALSE(is_acknowledgement(R"({"stream":"a-tied-2", "seq":7})", "a-tied"));
  EXPECT_FALSE(is_acknowledgement(R"({"stream":"b", "seq":7})", "a-tied"));
  EXPECT_FALSE(is_acknowledgement("", "a-tied"));
  EXPECT_FALSE(is_acknowledgement(
      R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},)"
      R"("stream":"a-tied","seq":0})",
      "a-tied"));
}

TEST(Wire, SaysWhyARequestFailed) {
  EXPECT_EQ(description_of(R"({"type":"t","error":{"code":404,"description":"stream not found"}})"),
            "stream not found");
  EXPECT_EQ(description_of("odd"), "odd");
  EXPECT_EQ(leader_of(R"({"name":"c","cluster":{"name":"x","leader":"s2"}})"), "s2");
  EXPECT_EQ(leader_of(R"({"name":"c"})"), "");
  EXPECT_FALSE(succeeded(""));
  EXPECT_TRUE(succeeded(R"({"type":"t","name":"c"})"));
}

}  // namespace
}  // namespace callbook::bus::nats
