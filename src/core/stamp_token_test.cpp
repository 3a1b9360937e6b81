#include "core/stamp_token.h"

#include <gtest/gtest.h>

namespace callbook::core {
namespace {

// From the reference implementation's vectors: key 00 01 .. 0f, message 00 01 .. (n-1).
TEST(SipHash, GivesThePublishedValues) {
  const base::SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string message;
  EXPECT_EQ(base::siphash(key, message), 0x726fdb47dd0e0e31u);
  for (char c = 0; c < 15; ++c) message.push_back(c);
  EXPECT_EQ(base::siphash(key, message), 0xa129ca6149be45e5u);
}

TEST(StampToken, IsTakenBackWithTheSameKeyOnly) {
  const base::SipKey key{1, 2};
  const Stamp stamp{0x0123456789abcdef, 0xfedcba98};
  const std::string token = stamp_token(stamp, key);
  EXPECT_EQ(token.size(), 40u);
  EXPECT_EQ(stamp_from_token(token, key), stamp);
  EXPECT_FALSE(stamp_from_token(token, base::SipKey{1, 3}));
}

TEST(StampToken, NoChangedDigitIsTaken) {
  const base::SipKey key{1, 2};
  const std::string token = stamp_token(Stamp{77 << 16, 5}, key);
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_FALSE(stamp_from_token(changed, key)) << i;
  }
  EXPECT_FALSE(stamp_from_token("", key));
  EXPECT_FALSE(stamp_from_token(token + "0", key));
  EXPECT_FALSE(stamp_from_token(std::string(40, 'x'), key));
}

}  // namespace
}  // namespace callbook::core
