#include "bus/nats/stream_config.h"

#include <gtest/gtest.h>

namespace callbook::bus::nats {
namespace {

TEST(StreamFacts, AStreamThatIsBeingMadeIsNotThereYet) {
  jsStreamInfo info{};
  for (const int64_t created : {int64_t{0}, int64_t{-62'135'596'800'000'000}}) {
    info.Created = created;
    EXPECT_FALSE(facts_of(info).ok());
  }
  info.Created = 1'700'000'000'000'000'000;
  info.State.LastSeq = 7;
  const auto facts = facts_of(info);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->head.version, 7U);
  EXPECT_GT(facts->head.generation, 1U);
  EXPECT_EQ(facts->leader, "");
}

}  // namespace
}  // namespace callbook::bus::nats
