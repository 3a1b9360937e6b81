#include "cli/operator_call.h"

#include <gtest/gtest.h>

namespace callbook::cli {
namespace {

TEST(BehindText, NamesTheNodesAndSaysWhy) {
  EXPECT_EQ(behind_text({}), "");
  EXPECT_EQ(behind_text({{"reg-2"}, {}, ""}), "reg-2 has not heard of it yet");
  EXPECT_EQ(behind_text({{"reg-2", "reg-3"}, {}, "away"}),
            "reg-2, reg-3 have not heard of it yet: the bus is away");
  EXPECT_EQ(behind_text({{"reg-2"}, {}, "connecting"}),
            "reg-2 has not heard of it yet: the bus has not been reached yet");
  EXPECT_EQ(behind_text({{}, {"reg-4"}, ""}),
            "reg-4 can't say whether it has heard of it (release 0.1)");
  EXPECT_EQ(behind_text({{"reg-2"}, {"reg-4"}, ""}),
            "reg-2 has not heard of it yet; reg-4 can't say whether it has heard of it "
            "(release 0.1)");
}

}  // namespace
}  // namespace callbook::cli
