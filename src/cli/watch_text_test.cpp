#include "cli/watch_text.h"

#include <gtest/gtest.h>

#include "sdk/list_digest.h"

namespace callbook::cli {
namespace {

using Kind = sdk::Change::Kind;

sdk::Instance instance(const std::string& id) {
  return {id, "10.0.0.7", 8080, {}, "", 100, {}, "up"};
}

sdk::Directory directory_of(const std::vector<sdk::Instance>& instances,
                            std::optional<sdk::Emptiness> empty = std::nullopt) {
  sdk::Directory directory("orders");
  sdk::SnapshotPart part{"orders", 1, instances, 0, std::move(empty)};
  for (const sdk::Instance& one : instances) *part.digest += sdk::digest_part(one);
  directory.take(std::move(part));
  return directory;
}

std::vector<sdk::Change> changes() {
  const auto one = std::make_shared<const sdk::Instance>(instance("o-1"));
  return {{Kind::kCame, one, "registered"},
          {Kind::kChanged, one, ""},
          {Kind::kLeft, one, "session_closed"}};
}

TEST(WatchText, ShowsTheListThenALinePerChange) {
  const auto directory = directory_of({instance("o-1"), instance("o-2")});
  EXPECT_EQ(snapshot_text(directory),
            "= orders: 2 instances\n  o-1 10.0.0.7:8080\n  o-2 10.0.0.7:8080\n");
  EXPECT_EQ(changes_text(directory, changes(), false),
            "+ o-1 10.0.0.7:8080 registered\n"
            "~ o-1 10.0.0.7:8080 (while not connected)\n"
            "- o-1 session_closed\n");
  EXPECT_EQ(changes_text(directory, {changes()[2]}, true), "- orders/o-1 session_closed\n");
}

TEST(WatchText, SaysWhyAListIsEmpty) {
  const auto directory = directory_of({}, sdk::Emptiness{"all_left", {{"session_closed", 1}}});
  EXPECT_EQ(snapshot_text(directory), "= all instances of orders have left: 1 session_closed\n");
  EXPECT_EQ(changes_text(directory, {changes()[2]}, false),
            "- o-1 session_closed\n= all instances of orders have left: 1 session_closed\n");
}

TEST(WatchText, WritesAnObjectPerLineForPrograms) {
  const auto directory = directory_of({instance("o-1")});
  EXPECT_EQ(snapshot_json(directory),
            R"({"event":"snapshot","service":"orders","digest":")" +
                sdk::digest_text(directory.instances().digest()) +
                R"(","instances":[{"id":"o-1","address":"10.0.0.7","port":8080}]})" + "\n");
  const auto one =
      R"("instance":{"id":"o-1","address":"10.0.0.7","port":8080}})" + std::string("\n");
  EXPECT_EQ(changes_json(directory, changes()),
            R"({"event":"came","service":"orders","cause":"registered",)" + one +
                R"({"event":"changed","service":"orders",)" + one +
                R"({"event":"left","service":"orders","cause":"session_closed",)" + one);
  const auto empty = directory_of({}, sdk::Emptiness{"never_registered", {}});
  EXPECT_NE(snapshot_json(empty).find(R"("instances":[],"empty":{"reason":"never_registered"}})"),
            std::string::npos);
}

}  // namespace
}  // namespace callbook::cli
