#include "sim/snapshot_transfer.h"

#include <gtest/gtest.h>

namespace callbook::sim {
namespace {

SnapshotPart part(uint64_t transfer, uint32_t number, bool last = false) {
  SnapshotPart made;
  made.transfer = transfer;
  made.number = number;
  made.last = last;
  return made;
}

TEST(SnapshotTarget, TakesPartsInOrderOnce) {
  SnapshotTarget target;
  EXPECT_FALSE(target.take(part(1, 0), 0));  // nobody asked
  target.expect(1, 0);
  EXPECT_TRUE(target.take(part(1, 0), 10));
  EXPECT_FALSE(target.take(part(1, 0), 20));
  EXPECT_TRUE(target.take(part(1, 1, true), 30));
  EXPECT_FALSE(target.take(part(1, 1, true), 40));
  EXPECT_FALSE(target.busy(40));
}

TEST(SnapshotTarget, AMissingPartEndsIt) {
  SnapshotTarget target;
  target.expect(1, 0);
  EXPECT_TRUE(target.take(part(1, 0), 10));
  EXPECT_FALSE(target.take(part(1, 2, true), 20));
  EXPECT_FALSE(target.take(part(1, 1), 30));
  EXPECT_FALSE(target.busy(30));
}

TEST(SnapshotTarget, PartsOfAnotherTransferArePassedOver) {
  SnapshotTarget target;
  target.expect(1, 0);
  EXPECT_TRUE(target.take(part(1, 0), 10));
  target.expect(2, 20);
  EXPECT_FALSE(target.take(part(1, 1), 30));
  EXPECT_TRUE(target.take(part(2, 0), 40));
}

TEST(SnapshotTarget, IsBusyOnlyAsLongAsSomethingMayCome) {
  SnapshotTarget target;
  EXPECT_FALSE(target.busy(0));
  target.expect(1, 0);
  EXPECT_TRUE(target.busy(1'000));
  EXPECT_FALSE(target.busy(5'000));
}

}  // namespace
}  // namespace callbook::sim
