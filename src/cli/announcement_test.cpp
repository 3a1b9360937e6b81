#include "cli/announcement.h"

#include <gtest/gtest.h>

namespace callbook::cli {
namespace {

sdk::Instance instance() {
  sdk::Instance made;
  made.id = "o-1";
  made.address = "10.0.0.7";
  made.port = 8080;
  return made;
}

TEST(Announcement, SaysWhatHoldsTheInstance) {
  Announcement persistent;
  persistent.persistent = true;
  EXPECT_EQ(encode_own(instance(), persistent, true),
            R"({"address":"10.0.0.7","port":8080,"persistent":true})");

  Announcement lapsing;
  lapsing.ttl_ms = 10'000;
  lapsing.lapse = Lapse{15'000, 30'000, false};
  EXPECT_EQ(encode_own(instance(), lapsing, true),
            R"({"address":"10.0.0.7","port":8080,"ttl_ms":10000,)"
            R"("lapse":{"down_after_ms":15000,"remove_after_ms":30000,"probe":false}})");

  Announcement checked;
  checked.checks = {*parse_check("tcp")};
  checked.shares_port = true;
  EXPECT_EQ(encode_own(instance(), checked, true),
            R"({"address":"10.0.0.7","port":8080,"check":{"tcp":{}},"shares_port":true})");
}

TEST(Announcement, AStatusIsSaidOnce) {
  Announcement starting;
  starting.persistent = true;
  starting.status = "starting";
  EXPECT_EQ(encode_own(instance(), starting, true),
            R"({"address":"10.0.0.7","port":8080,"persistent":true,"status":"starting"})");
  EXPECT_EQ(encode_own(instance(), starting, false),
            R"({"address":"10.0.0.7","port":8080,"persistent":true})");
}

TEST(Announcement, WithoutAnythingElseASessionHoldsIt) {
  Announcement plain;
  plain.status = "starting";
  plain.shares_port = true;
  EXPECT_TRUE(plain.by_session());
}

}  // namespace
}  // namespace callbook::cli
