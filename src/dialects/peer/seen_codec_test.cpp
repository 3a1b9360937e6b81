#include "dialects/peer/seen_codec.h"

#include <gtest/gtest.h>

namespace callbook::peer {
namespace {

std::vector<SeenItem> two_items() {
  return {{{{"default", "orders"}, "o-1"}, {77, 3}}, {{{"other", "carts"}, ""}, {UINT64_MAX, 0}}};
}

TEST(SeenCodec, BringsBackWhatWasAsked) {
  const auto items = decode_seen_items(encode_seen_items(two_items()));
  ASSERT_TRUE(items.ok()) << items.error().to_string();
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ((*items)[0].instance, two_items()[0].instance);
  EXPECT_EQ((*items)[0].stamp, two_items()[0].stamp);
  EXPECT_EQ((*items)[1].instance, two_items()[1].instance);
  EXPECT_EQ((*items)[1].stamp, two_items()[1].stamp);
}

TEST(SeenCodec, OfOverridesIsAskedInAFormatOfItsOwn) {
  EXPECT_EQ(encode_seen_items(two_items())[0], 1);  // every release reads it
  std::vector<SeenItem> items = two_items();
  items[1].of_override = true;
  const std::string bytes = encode_seen_items(items);
  EXPECT_EQ(bytes[0], 2);
  const auto read = decode_seen_items(bytes);
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_FALSE((*read)[0].of_override);
  EXPECT_TRUE((*read)[1].of_override);
  EXPECT_EQ((*read)[1].stamp, items[1].stamp);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_seen_items(bytes.substr(0, size)).ok()) << size;
  }
}

TEST(SeenCodec, TellsNobodyLeftFromNotArrived) {
  const auto answers = decode_seen_answers(encode_seen_answers({SeenAnswer(0), {}, {300}}), 3);
  ASSERT_TRUE(answers.ok());
  EXPECT_EQ((*answers)[0], SeenAnswer(0));
  EXPECT_EQ((*answers)[1], std::nullopt);
  EXPECT_EQ((*answers)[2], SeenAnswer(300));
}

TEST(SeenCodec, RefusesWhatIsCutShortOrGoesOnOrIsTooMuch) {
  const std::string whole = encode_seen_items(two_items());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_seen_items(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_seen_items(whole + "x").ok());
  const auto many = decode_seen_items(encode_seen_items(std::vector<SeenItem>(kMaxSeenItems + 1)));
  ASSERT_FALSE(many.ok());
  EXPECT_EQ(many.error().limit, kMaxSeenItems);
  const std::string answers = encode_seen_answers({SeenAnswer(1), SeenAnswer(2)});
  EXPECT_FALSE(decode_seen_answers(answers, 3).ok());
  EXPECT_FALSE(decode_seen_answers(answers, 1).ok());
  EXPECT_FALSE(decode_seen_answers("", 0).ok());
}

}  // namespace
}  // namespace callbook::peer
