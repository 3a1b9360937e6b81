#include "sdk/directory.h"

#include <gtest/gtest.h>

#include "sdk/list_digest.h"

namespace callbook::sdk {
namespace {

using Kind = Change::Kind;

Instance instance(const std::string& id, uint16_t port = 80) {
  Instance made;
  made.id = id;
  made.address = "10.0.0.1";
  made.port = port;
  return made;
}

uint64_t digest_of(const std::vector<Instance>& list) {
  uint64_t digest = 0;
  for (const Instance& one : list) digest += digest_part(one);
  return digest;
}

SnapshotPart snapshot(const std::vector<Instance>& list) {
  return {"orders", 1, list, digest_of(list), {}};
}

SnapshotPart part(uint32_t number, std::vector<Instance> list,
                  std::optional<uint64_t> digest = std::nullopt) {
  return {"orders", number, std::move(list), digest, {}};
}

/// "+a(cause) ~b() -c()", in the order reported.
std::string text(const std::vector<Change>& changes) {
  std::string out;
  for (const Change& change : changes) {
    if (!out.empty()) out += ' ';
    out += "+~-"[static_cast<int>(change.kind)];
    out += change.instance->id + '(' + change.cause + ')';
  }
  return out;
}

std::string ids(const Directory& directory) {
  std::string out;
  for (const auto& held : directory.instances()) out += held.instance->id + ' ';
  return out;
}

TEST(Directory, BeginsUnknown) {
  const Directory directory("orders");
  EXPECT_FALSE(directory.known());
  EXPECT_FALSE(directory.whole());
  EXPECT_FALSE(directory.mismatch());
  EXPECT_EQ(directory.instances().digest(), 0u);
}

TEST(Directory, ASnapshotReplacesTheListAndReportsTheDifference) {
  Directory directory("orders");
  EXPECT_EQ(text(directory.take(snapshot({instance("b"), instance("a"), instance("c")}))),
            "+a() +b() +c()");
  EXPECT_TRUE(directory.whole());
  EXPECT_EQ(ids(directory), "a b c ");

  EXPECT_EQ(text(directory.take(snapshot({instance("b", 81), instance("c"), instance("d")}))),
            "-a() ~b() +d()");
  EXPECT_EQ(ids(directory), "b c d ");
  EXPECT_EQ(text(directory.take(snapshot({instance("b", 81), instance("c"), instance("d")}))), "");
}

TEST(Directory, ADeltaChangesTheListAndKeepsItsCauses) {
  Directory directory("orders");
  directory.take(snapshot({instance("a"), instance("b"), instance("c")}));
  Instance suspect = instance("c");
  suspect.state = "suspect";

  Delta delta{"orders",
              {{instance("b", 81), "registered"}, {instance("d"), "registered"}},
              {{"a", "deregistered"}},
              {{"c", "suspect", "session_expired"}},
              std::nullopt};
  delta.digest = digest_of({instance("b", 81), suspect, instance("d")});
  EXPECT_EQ(text(directory.take(delta)),
            "~b(registered) +d(registered) -a(deregistered) ~c(session_expired)");
  EXPECT_TRUE(directory.whole());
  EXPECT_EQ(directory.instances().find("c")->state, "suspect");
}

TEST(Directory, WhatADeltaLeavesAsItIsIsNoChange) {
  Directory directory("orders");
  directory.take(snapshot({instance("a")}));
  Delta delta{"orders",
              {{instance("a"), "registered"}},
              {{"never-seen", "deregistered"}},
              {{"never-seen", "suspect", ""}, {"a", "up", ""}},
              digest_of({instance("a")})};
  EXPECT_EQ(text(directory.take(delta)), "");
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, IsWholeOnlyAtADigest) {
  Directory directory("orders");
  directory.take(snapshot({instance("a")}));
  EXPECT_EQ(text(directory.take(Delta{"orders", {{instance("b"), "x"}}, {}, {}, std::nullopt})),
            "+b(x)");
  EXPECT_FALSE(directory.whole());
  EXPECT_FALSE(directory.mismatch());
  directory.take(Delta{"orders", {}, {}, {}, digest_of({instance("a"), instance("b")})});
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, AnotherDigestIsAMismatchUntilOneAgrees) {
  Directory directory("orders");
  directory.take(snapshot({instance("a")}));
  directory.take(Delta{"orders", {{instance("b"), ""}}, {}, {}, digest_of({instance("b")})});
  EXPECT_TRUE(directory.mismatch());
  EXPECT_FALSE(directory.whole());
  EXPECT_TRUE(directory.known());

  EXPECT_EQ(text(directory.take(snapshot({instance("b")}))), "-a()");
  EXPECT_FALSE(directory.mismatch());
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, ASnapshotThatItsDigestContradictsDoesNotReplaceTheList) {
  Directory directory("orders");
  directory.take(snapshot({instance("a")}));
  SnapshotPart false_one = snapshot({instance("b")});
  *false_one.digest += 1;
  EXPECT_EQ(text(directory.take(false_one)), "");
  EXPECT_TRUE(directory.mismatch());
  EXPECT_EQ(ids(directory), "a ");
}

TEST(Directory, ALongSnapshotComesInParts) {
  Directory directory("orders");
  directory.take(snapshot({instance("old")}));
  const uint64_t digest = digest_of({instance("a"), instance("b"), instance("c")});

  EXPECT_EQ(text(directory.take(part(1, {instance("a")}))), "");
  EXPECT_EQ(ids(directory), "old ");  // half a list is never shown
  EXPECT_EQ(text(directory.take(part(2, {instance("b")}))), "");
  EXPECT_EQ(text(directory.take(part(2, {instance("c")}, digest))), "+a() +b() +c() -old()");
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, ADeltaMayCompleteASnapshotThatChangedMeanwhile) {
  Directory directory("orders");
  directory.take(part(1, {instance("a")}));
  directory.take(part(2, {instance("b")}));
  Delta delta{"orders",
              {{instance("c"), "registered"}},
              {{"a", "drained"}},
              {},
              digest_of({instance("b"), instance("c")})};
  EXPECT_EQ(text(directory.take(delta)), "+b() +c()");
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, PartsWithoutABeginningOrWithAGapAreAMismatch) {
  Directory directory("orders");
  directory.take(part(2, {instance("a")}));
  EXPECT_TRUE(directory.mismatch());

  const uint64_t digest = digest_of({instance("a"), instance("b"), instance("c")});
  directory.take(part(1, {instance("a")}));
  directory.take(part(2, {instance("c")}, digest));  // the one with "b" was lost
  EXPECT_TRUE(directory.mismatch());
  EXPECT_FALSE(directory.known());
}

TEST(Directory, ABrokenStreamEndsAnUnfinishedSnapshot) {
  Directory directory("orders");
  directory.take(snapshot({instance("old")}));
  directory.take(part(1, {instance("a")}));
  directory.stream_lost();
  EXPECT_EQ(ids(directory), "old ");
  EXPECT_TRUE(directory.whole());
  directory.take(Delta{
      "orders", {{instance("new"), ""}}, {}, {}, digest_of({instance("old"), instance("new")})});
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, AnEmptySnapshotSaysWhy) {
  Directory directory("orders");
  directory.take(snapshot({instance("a"), instance("b")}));
  SnapshotPart emptied = snapshot({});
  emptied.empty = Emptiness{"all_left", {{"session_closed", 2}}};
  EXPECT_EQ(text(directory.take(emptied)), "-a(session_closed) -b(session_closed)");
  EXPECT_EQ(directory.emptiness()->reason, "all_left");

  directory.take(Delta{"orders", {{instance("a"), ""}}, {}, {}, digest_of({instance("a")})});
  EXPECT_FALSE(directory.emptiness().has_value());

  emptied.empty->causes = {{"session_closed", 1}, {"deregistered", 1}};
  EXPECT_EQ(text(directory.take(emptied)), "-a()");  // which of the causes is not known
}

}  // namespace
}  // namespace callbook::sdk
