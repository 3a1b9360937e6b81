#include "dialects/native/json_output.h"

#include <random>

#include <gtest/gtest.h>

namespace callbook::native {
namespace {

TEST(DigestText, IsElevenCharactersAndReadsBack) {
  EXPECT_EQ(digest_text(0), "AAAAAAAAAAA");
  EXPECT_EQ(digest_text(UINT64_MAX), "__________8");
  std::mt19937_64 random(5);
  for (int i = 0; i < 1'000; ++i) {
    const uint64_t digest = random();
    EXPECT_EQ(digest_from(digest_text(digest)), digest);
  }
  for (const char* bad :
       {"", "AAAAAAAAAA", "AAAAAAAAAAAA", "AAAAAAAAAAB", "AAAA+AAAAAA", "AAAAAAAAAA="}) {
    EXPECT_FALSE(digest_from(bad).has_value()) << bad;
  }
}

TEST(Snapshot, AnUnknownServiceSaysThatItWasNeverRegistered) {
  EXPECT_EQ(snapshot_json({"default", "orders"}, nullptr, {}),
            "{\"service\":\"orders\",\"version\":0,\"digest\":\"AAAAAAAAAAA\","
            "\"empty\":{\"reason\":\"never_registered\"},\"instances\":[]}\n");
}

}  // namespace
}  // namespace callbook::native
