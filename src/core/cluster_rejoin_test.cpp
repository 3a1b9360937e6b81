// A node that was out of touch for so long that it rejoins as new: what it takes for word that
// something is still there.

#include <gtest/gtest.h>

#include "core/cluster_script.h"

namespace callbook::core {
namespace {

/// B's clock is ahead: to it the later session has been over for so long that it forgets it, while
/// A still tells of what that session had.
TEST(ClusterRejoin, ThatALaterOneIsOverIsNotWordOfWhatWasRemovedBeforeIt) {
  expect_transcript(ClusterScript(), R"(
> start A
> start B
> advance 3500
> A open s1
> A attach s1
> A register orders/o-1 session=s1
  A: orders = o-1
  B: orders = o-1
> kill B
> A deregister orders/o-1 session=s1
  A: orders = [deregistered]
> A open s2
> A register orders/o-1 session=s2
  A: orders = o-1
> A close s2
  A: orders = [session_closed]
> clock A 86340000
> clock B 86460000
> recreate
> advance 1000
> start B
> advance 1000
  B: forgotten
> show
  A: serving instances=0 sessions=1 tombstones=1 owed=0
  B: serving instances=0 sessions=1 tombstones=0 owed=1
  digests differ
> advance 150000
  A: forgotten
> show
  A: serving instances=0 sessions=1 tombstones=0 owed=0
  B: serving instances=0 sessions=1 tombstones=0 owed=0
  digests agree
)");
}

}  // namespace
}  // namespace callbook::core
