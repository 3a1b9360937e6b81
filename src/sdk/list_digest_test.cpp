#include "sdk/list_digest.h"

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

Instance example() {
  Instance instance;
  instance.id = "o-1";
  instance.address = "10.0.0.7";
  instance.port = 8080;
  instance.metadata = {{"version", "1.4"}};
  return instance;
}

Instance full_example() {
  Instance instance;
  instance.id = "o-2";
  instance.address = "host-8.example";
  instance.zone = "z";
  instance.weight = 7;
  instance.ports = {{"grpc", 9090}, {"admin", 9}};
  instance.metadata = {{"b", "\xc3\xbc"}, {"a", ""}};
  instance.state = "suspect";
  return instance;
}

// The expected numbers were computed from docs/formats/digest.md with another implementation of
// XXH64 (python-xxhash).
TEST(ListDigest, AgreesWithAnIndependentComputation) {
  EXPECT_EQ(digest_text(digest_part(example())), "4FgLEa89ckA");
  EXPECT_EQ(digest_text(digest_part(full_example())), "UH5M-6eEb_s");
  EXPECT_EQ(digest_text(digest_part(example()) + digest_part(full_example())), "MNZYDVbB4js");
}

TEST(ListDigest, EveryFieldCounts) {
  const uint64_t whole = digest_part(full_example());
  const auto differs = [whole](void (*change)(Instance&)) {
    Instance changed = full_example();
    change(changed);
    return digest_part(changed) != whole;
  };
  EXPECT_TRUE(differs([](Instance& i) { i.id = "o-3"; }));
  EXPECT_TRUE(differs([](Instance& i) { i.address = "x"; }));
  EXPECT_TRUE(differs([](Instance& i) { i.port = 1; }));
  EXPECT_TRUE(differs([](Instance& i) { i.zone = ""; }));
  EXPECT_TRUE(differs([](Instance& i) { i.weight = 8; }));
  EXPECT_TRUE(differs([](Instance& i) { i.ports["grpc"] = 1; }));
  EXPECT_TRUE(differs([](Instance& i) { i.metadata["a"] = "x"; }));
  EXPECT_TRUE(differs([](Instance& i) { i.state = "up"; }));
}

TEST(ListDigest, TheTextIsBigEndianBase64Url) {
  EXPECT_EQ(digest_text(0), "AAAAAAAAAAA");
  EXPECT_EQ(digest_text(UINT64_MAX), "__________8");
  EXPECT_EQ(digest_text(1), "AAAAAAAAAAE");
  EXPECT_EQ(digest_text(uint64_t{1} << 63), "gAAAAAAAAAA");
  for (const uint64_t digest : {uint64_t{0}, uint64_t{1}, 0x0123456789ABCDEFu, UINT64_MAX}) {
    EXPECT_EQ(parse_digest(digest_text(digest)), digest);
  }
}

TEST(ListDigest, RefusesWhatIsNone) {
  for (const char* text : {"", "AAAAAAAAAA", "AAAAAAAAAAAA", "AAAAAAAAAA=", "AAAAAAAAAA+",
                           "AAAAAAAAAAB", "__________9"}) {
    EXPECT_FALSE(parse_digest(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace callbook::sdk
