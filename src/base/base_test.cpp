#include <memory>

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/unique_function.h"

namespace callbook::base {
namespace {

TEST(Hash, MatchesThePublishedVectorsOfXxh64) {
  EXPECT_EQ(xxh64(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(xxh64("a"), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(xxh64("abc"), 0x44BC2CF5AD770999u);
  EXPECT_EQ(xxh64("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1u);
}

TEST(Crc32c, MatchesTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
}

TEST(Encoding, ReadsBackWhatItWrote) {
  std::string bytes;
  put_u8(bytes, 7);
  put_u32(bytes, 0xDEADBEEF);
  put_u64(bytes, 0x0123456789ABCDEF);
  for (uint64_t v : {uint64_t{0}, uint64_t{127}, uint64_t{128}, UINT64_MAX}) put_varint(bytes, v);
  put_string(bytes, "orders");

  ByteReader reader(bytes);
  EXPECT_EQ(reader.u8(), 7);
  EXPECT_EQ(reader.u32(), 0xDEADBEEF);
  EXPECT_EQ(reader.u64(), 0x0123456789ABCDEFu);
  for (uint64_t v : {uint64_t{0}, uint64_t{127}, uint64_t{128}, UINT64_MAX}) {
    EXPECT_EQ(reader.varint(), v);
  }
  EXPECT_EQ(reader.string(), "orders");
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
}

TEST(Encoding, EveryTruncationFailsAndStaysFailed) {
  std::string bytes;
  put_varint(bytes, 300);
  put_string(bytes, "name");
  put_u64(bytes, 1);
  for (size_t length = 0; length < bytes.size(); ++length) {
    ByteReader reader(std::string_view(bytes).substr(0, length));
    reader.varint();
    reader.string();
    reader.u64();
    EXPECT_FALSE(reader.ok()) << length;
    EXPECT_EQ(reader.u8(), 0);
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Encoding, RefusesAVarintOverSixtyFourBits) {
  ByteReader eleven("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
  eleven.varint();
  EXPECT_FALSE(eleven.ok());
  ByteReader overflow("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  overflow.varint();
  EXPECT_FALSE(overflow.ok());
}

TEST(Result, HoldsAValueOrAnError) {
  Result<int> good = 3;
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(*good, 3);
  Result<int> bad = invalid("port", "must be a number");
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().to_string(), "invalid: port: must be a number");
  EXPECT_DEATH(static_cast<void>(bad.value()), "invariant broken");
}

TEST(UniqueFunction, OwnsInlineAndHeapCallablesAndMoves) {
  auto counter = std::make_shared<int>(0);
  struct Large {
    std::shared_ptr<int> count;
    char padding[100] = {};
    int operator()(int n) { return *count += n; }
  };
  for (int round = 0; round < 2; ++round) {
    UniqueFunction<int(int)> first;
    EXPECT_FALSE(first);
    if (round == 0) {
      first = [owned = std::make_unique<int>(1), counter](int n) { return *counter += n * *owned; };
    } else {
      first = Large{counter};
    }
    UniqueFunction<int(int)> second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that it is empty is the point
    EXPECT_EQ(second(2), round * 2 + 2);
    EXPECT_EQ(counter.use_count(), 2);
    second = UniqueFunction<int(int)>();
    EXPECT_EQ(counter.use_count(), 1);
  }
}

}  // namespace
}  // namespace callbook::base
