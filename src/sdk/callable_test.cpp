#include "sdk/callable.h"

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

TEST(Callable, IsTheRuleOfTheApi) {
  struct Case {
    const char* state;
    Standing standing;
    bool callable;
  };
  for (const Case& one : {
           Case{"up", {10, 10}, true},          Case{"up", {0, 10}, true},
           Case{"suspect", {9, 10}, true},      Case{"suspect", {0, 10}, true},
           Case{"unattended", {9, 10}, false},  Case{"protected", {9, 10}, false},
           Case{"unattended", {5, 10}, false},  Case{"protected", {5, 10}, false},
           Case{"unattended", {4, 10}, true},   Case{"protected", {4, 10}, true},
           Case{"unattended", {5, 11}, true},   Case{"protected", {0, 1}, true},
           Case{"down", {0, 10}, false},        Case{"starting", {0, 10}, false},
           Case{"not_ready", {0, 10}, false},   Case{"failing", {0, 10}, false},
           Case{"draining", {0, 10}, false},    Case{"out_of_service", {0, 10}, false},
           Case{"a_later_one", {0, 10}, false}, Case{"", {0, 10}, false},
       }) {
    EXPECT_EQ(may_be_called(one.state, one.standing), one.callable)
        << one.state << " of " << one.standing.largest << " with " << one.standing.up << " up";
  }
}

}  // namespace
}  // namespace callbook::sdk
