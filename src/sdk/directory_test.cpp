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
  EXPECT_EQ(text(directory.take(snapshot({instance("a"), instance("b"), instance("c")}))),
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
              {{"nor-this", "suspect", ""}},
              digest_of({instance("a")})};
  EXPECT_EQ(text(directory.take(delta)), "");
  EXPECT_TRUE(directory.whole());
  delta = {"orders", {}, {}, {{"a", "up", ""}}, digest_of({instance("a")})};
  EXPECT_EQ(text(directory.take(delta)), "");
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, IsWholeOnlyAtADigest) {
  Directory directory("orders");
  directory.take(snapshot({instance("a")}));
  EXPECT_EQ(text(directory.take(Delta{"orders", {{instance("b"), "x"}}, {}, {}, std::nullopt})),
            "");
  EXPECT_FALSE(directory.whole());
  EXPECT_FALSE(directory.mismatch());
  EXPECT_EQ(ids(directory), "a ");  // half a change is never in force
  EXPECT_EQ(
      text(directory.take(Delta{"orders", {}, {{"a", "drained"}}, {}, digest_of({instance("b")})})),
      "+b(x) -a(drained)");
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, KeepsTheLargestSizeThatCameWithTheList) {
  Directory directory("orders");
  SnapshotPart whole = snapshot({instance("a"), instance("b")});
  directory.take(whole);
  EXPECT_EQ(directory.instances().largest(), 2u);
  whole.largest = 9;
  EXPECT_EQ(text(directory.take(whole)), "");
  EXPECT_EQ(directory.instances().largest(), 9u);
  // Of a change in several events the last is the present one; none says: no more than are listed.
  Delta first{"orders", {}, {{"b", "drained"}}, {}, std::nullopt};
  directory.take(first);
  EXPECT_EQ(directory.instances().largest(), 9u);
  Delta last{"orders", {}, {}, {}, digest_of({instance("a")})};
  last.largest = 5;
  directory.take(last);
  EXPECT_EQ(directory.instances().largest(), 5u);
  last.largest = 0;
  directory.take(last);
  EXPECT_EQ(directory.instances().largest(), 1u);
}

TEST(Directory, WhatIsNotTakenOverChangesNoLargestSize) {
  Directory directory("orders");
  SnapshotPart whole = snapshot({instance("a"), instance("b")});
  whole.largest = 9;
  directory.take(whole);
  Delta wrong{"orders", {}, {{"b", "drained"}}, {}, 1};
  wrong.largest = 100;
  directory.take(wrong);
  EXPECT_TRUE(directory.mismatch());
  EXPECT_EQ(directory.instances().largest(), 9u);
  SnapshotPart unfinished = part(1, {instance("a")});
  unfinished.largest = 100;
  directory.take(unfinished);
  EXPECT_EQ(directory.instances().largest(), 9u);
  Delta end{"orders", {}, {}, {}, digest_of({instance("a")})};
  end.largest = 3;
  directory.take(end);
  EXPECT_TRUE(directory.whole());
  EXPECT_EQ(directory.instances().largest(), 3u);
}

TEST(Directory, AnotherDigestIsAMismatchUntilOneAgrees) {
  Directory directory("orders");
  directory.take(snapshot({instance("a")}));
  directory.take(Delta{"orders", {{instance("b"), ""}}, {}, {}, digest_of({instance("b")})});
  EXPECT_TRUE(directory.mismatch());
  EXPECT_FALSE(directory.whole());
  EXPECT_TRUE(directory.known());
  EXPECT_FALSE(directory.can_resume());
  EXPECT_EQ(ids(directory), "a ");

  EXPECT_EQ(text(directory.take(snapshot({instance("b")}))), "-a() +b()");
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

TEST(Directory, AContradictedChangeLeavesNoTrace) {
  Directory directory("orders");
  directory.take(snapshot({instance("a"), instance("b")}));
  Delta delta{"orders",
              {{instance("a", 81), ""}, {instance("c"), ""}},
              {{"b", "drained"}},
              {{"never-seen", "suspect", ""}},
              1};
  EXPECT_EQ(text(directory.take(delta)), "");
  EXPECT_TRUE(directory.mismatch());
  EXPECT_EQ(ids(directory), "a b ");
  EXPECT_EQ(directory.instances().find("a")->port, 80);
  EXPECT_EQ(directory.instances().digest(), digest_of({instance("a"), instance("b")}));
}

TEST(Directory, WhatIsOutOfOrderOrTwiceIsDroppedWhole) {
  for (const std::vector<Instance>& list :
       {std::vector{instance("b"), instance("a")}, std::vector{instance("a"), instance("a", 81)}}) {
    Directory directory("orders");
    directory.take(snapshot({instance("a")}));
    EXPECT_EQ(text(directory.take(snapshot(list))), "");
    EXPECT_TRUE(directory.mismatch());
    EXPECT_EQ(directory.complaint(), "its ids are not in order");
    EXPECT_EQ(ids(directory), "a ");
  }
}

TEST(Directory, PartsFollowOneAnother) {
  Directory directory("orders");
  directory.take(part(1, {instance("b")}));
  directory.take(part(2, {instance("a")}, digest_of({instance("a"), instance("b")})));
  EXPECT_TRUE(directory.mismatch());
  directory.take(part(0, {instance("a")}, digest_of({instance("a")})));
  EXPECT_TRUE(directory.mismatch());
  EXPECT_TRUE(directory.instances().empty());
}

TEST(Directory, ABetterAnswerMayComeInParts) {
  const uint64_t digest = digest_of({instance("a"), instance("b"), instance("c")});
  Directory directory("orders");
  directory.take(snapshot({instance("a"), instance("b"), instance("c")}));
  for (const bool contradict : {true, false}) {
    directory.take(contradict ? part(2, {instance("a")}) : snapshot({}));
    EXPECT_TRUE(directory.dropped());
    EXPECT_EQ(directory.mismatch(), contradict);
    EXPECT_EQ(directory.refused(), !contradict);
    directory.stream_lost();
    directory.take(part(1, {instance("a"), instance("b")}));
    EXPECT_FALSE(directory.dropped());
    directory.take(part(2, {instance("c")}, digest));
    EXPECT_FALSE(directory.dropped());
    EXPECT_TRUE(directory.whole());
  }
}

TEST(Directory, AChangeThatSpeaksOfAnIdTwiceIsDroppedWhole) {
  Directory directory("orders");
  directory.take(snapshot({instance("a")}));
  directory.take(
      Delta{"orders", {{instance("b"), ""}}, {{"b", "drained"}}, {}, digest_of({instance("a")})});
  EXPECT_TRUE(directory.mismatch());
  EXPECT_EQ(ids(directory), "a ");
}

TEST(Directory, ABrokenStreamEndsAnUnfinishedChange) {
  Directory directory("orders");
  directory.take(snapshot({instance("a")}));
  directory.take(Delta{"orders", {}, {{"a", "drained"}}, {}, std::nullopt});
  EXPECT_FALSE(directory.whole());
  directory.stream_lost();
  EXPECT_TRUE(directory.whole());
  EXPECT_EQ(ids(directory), "a ");
}

// --- What was known before ---

InstanceList list_of(const std::vector<Instance>& instances) {
  InstanceList list;
  for (const Instance& one : instances) list.put(std::make_shared<const Instance>(one));
  return list;
}

TEST(Directory, WhatIsRestoredIsInForceButNotProven) {
  Directory directory("orders");
  EXPECT_EQ(directory.source(), Directory::Source::kNone);
  directory.restore(list_of({instance("a")}), Directory::Source::kCache);
  EXPECT_EQ(ids(directory), "a ");
  EXPECT_EQ(directory.source(), Directory::Source::kCache);
  EXPECT_TRUE(directory.known());
  EXPECT_TRUE(directory.can_resume());
  EXPECT_FALSE(directory.whole());

  directory.confirmed();
  EXPECT_TRUE(directory.whole());
  EXPECT_EQ(directory.source(), Directory::Source::kRegistry);
}

TEST(Directory, ARestoredListGoesOnByDeltasOrIsReplaced) {
  Directory directory("orders");
  directory.restore(list_of({instance("a")}), Directory::Source::kStatic);
  EXPECT_EQ(text(directory.take(Delta{"orders",
                                      {{instance("b"), "registered"}},
                                      {},
                                      {},
                                      digest_of({instance("a"), instance("b")})})),
            "+b(registered)");
  EXPECT_TRUE(directory.whole());

  Directory other("orders");
  other.restore(list_of({instance("a")}), Directory::Source::kCache);
  EXPECT_EQ(text(other.take(snapshot({instance("b")}))), "-a() +b()");
  EXPECT_EQ(other.source(), Directory::Source::kRegistry);
}

TEST(Directory, NothingIsConfirmedThatTheRegistryCannotMean) {
  Directory directory("orders");
  directory.confirmed();  // nothing is held
  EXPECT_FALSE(directory.whole());
  directory.take(part(1, {instance("a")}));
  directory.confirmed();
  EXPECT_FALSE(directory.whole());

  Directory contradicted("orders");
  contradicted.restore(list_of({instance("a")}), Directory::Source::kCache);
  contradicted.take(part(2, {}));
  contradicted.confirmed();
  EXPECT_FALSE(contradicted.whole());
}

// --- What is not believed ---

/// Holds as many.
Directory holding(int count) {
  Directory directory("orders");
  std::vector<Instance> list;
  for (int i = 0; i < count; ++i) list.push_back(instance("i" + std::to_string(i)));
  directory.take(snapshot(list));
  return directory;
}

SnapshotPart emptied(std::optional<Emptiness> why) {
  SnapshotPart part = snapshot({});
  part.empty = std::move(why);
  return part;
}

TEST(Directory, AnEmptyListIsBelievedWithTrueCauses) {
  const auto all_left = [](std::map<std::string, uint64_t> causes) {
    return Emptiness{"all_left", std::move(causes)};
  };
  struct Case {
    std::optional<Emptiness> why;
    bool believed;
  };
  const std::vector<Case> cases = {
      {all_left({{"session_closed", 3}}), true},
      {all_left({{"home_lost", 3}}), true},
      {all_left({{"session_expired", 700}}), true},  // of the whole day
      {all_left({{"drained", 1}, {"probe_refused", 1}, {"check_failed", 1}}), true},
      {all_left({{"address_taken", 2}, {"probe_timed_out", 1}, {"none", 5}}), true},
      {std::nullopt, false},
      {Emptiness{"never_registered", {}}, false},
      {Emptiness{"never_registered", {{"drained", 3}}}, false},
      {Emptiness{"", {{"drained", 3}}}, false},
      {all_left({}), false},
      {all_left({{"session_closed", 2}}), false},
      {all_left({{"none", 3}}), false},
      {all_left({{"registered", 3}}), false},
      {all_left({{"heard", UINT64_MAX}}), false},
      {all_left({{"no such cause", 3}}), false}};
  for (const Case& c : cases) {
    Directory directory = holding(3);
    directory.take(emptied(c.why));
    SCOPED_TRACE(directory.complaint());
    EXPECT_EQ(directory.instances().empty(), c.believed);
    EXPECT_EQ(directory.refused(), !c.believed);
    EXPECT_EQ(directory.whole(), c.believed);
    EXPECT_FALSE(directory.mismatch());
    EXPECT_EQ(directory.complaint().empty(), c.believed);
  }
}

TEST(Directory, CausesThatOverflowCoverOnce) {
  Directory directory = holding(3);
  directory.take(emptied(Emptiness{"all_left", {{"drained", UINT64_MAX}, {"home_lost", 4}}}));
  EXPECT_TRUE(directory.instances().empty());
}

TEST(Directory, WhoHoldsNothingBelievesThatThereIsNothing) {
  for (const auto& why : {std::optional<Emptiness>(), std::optional<Emptiness>({"odd", {}})}) {
    Directory directory("orders");
    directory.take(emptied(why));
    EXPECT_TRUE(directory.whole());
  }
}

TEST(Directory, ARefusalEndsWhenTheRegistryComesToItself) {
  Directory directory = holding(3);
  directory.take(emptied(Emptiness{"never_registered", {}}));
  directory.confirmed();  // of the same stream: it can't mean the list that it took away
  EXPECT_TRUE(directory.refused());
  directory.stream_lost();
  EXPECT_TRUE(directory.refused());
  EXPECT_TRUE(directory.can_resume());
  directory.confirmed();
  EXPECT_FALSE(directory.refused());
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, ARepeatedLieIsNoTruerThanTheFirst) {
  Directory directory = holding(3);
  for (int i = 0; i < 10; ++i) {
    directory.take(emptied(Emptiness{"never_registered", {}}));
    EXPECT_TRUE(directory.refused());
    directory.stream_lost();
  }
  EXPECT_EQ(directory.instances().size(), 3u);
}

TEST(Directory, WhatIsADayOldMayBeForgotten) {
  Directory directory = holding(3);
  directory.may_be_forgotten();
  directory.take(emptied(Emptiness{"never_registered", {}}));
  EXPECT_TRUE(directory.instances().empty());
  EXPECT_TRUE(directory.whole());

  directory = holding(3);
  directory.may_be_forgotten();
  directory.confirmed();  // it is not so old after all
  directory.take(emptied(Emptiness{"never_registered", {}}));
  EXPECT_TRUE(directory.refused());
}

TEST(Directory, AChangeThatTakesMostAwayNeedsACauseForEach) {
  const auto losing = [](Directory& directory, const std::vector<std::string>& causes) {
    Delta delta;
    delta.service = "orders";
    std::vector<Instance> rest;
    size_t at = 0;
    for (const auto& held : directory.instances()) {
      if (at < causes.size()) {
        delta.gone.push_back({held.instance->id, causes[at++]});
      } else {
        rest.push_back(*held.instance);
      }
    }
    delta.digest = digest_of(rest);
    directory.take(delta);
  };
  Directory directory = holding(5);
  losing(directory, {"drained", "home_lost", "session_expired"});
  EXPECT_EQ(ids(directory), "i3 i4 ");

  directory = holding(5);
  losing(directory, {"drained", "none", "session_expired"});
  EXPECT_TRUE(directory.refused());
  EXPECT_EQ(directory.complaint(), "of 5 instances 2 are left, and of i1 the cause is 'none'");
  EXPECT_EQ(directory.instances().size(), 5u);

  directory = holding(4);
  losing(directory, {"none", "none"});  // half: not more
  EXPECT_EQ(ids(directory), "i2 i3 ");

  directory = holding(2);
  losing(directory, {"drained", ""});
  EXPECT_EQ(directory.instances().size(), 2u);
  directory.stream_lost();
  losing(directory, {"drained", "drained"});
  EXPECT_TRUE(directory.instances().empty());
  EXPECT_FALSE(directory.refused());
}

TEST(Directory, AListOfLessThanHalfIsBelievedWhenSeveralStreamsSaySo) {
  Directory directory = holding(5);
  const SnapshotPart rest = snapshot({instance("i3"), instance("i4")});
  for (int i = 1; i < Directory::kOpinions; ++i) {
    EXPECT_EQ(text(directory.take(rest)), "");
    EXPECT_TRUE(directory.refused());
    EXPECT_EQ(directory.complaint(), "of 5 instances 2 are left, without causes");
    EXPECT_EQ(text(directory.take(rest)), "");  // repeated on the same stream: no other opinion
    directory.stream_lost();
  }
  EXPECT_EQ(text(directory.take(rest)), "-i0() -i1() -i2()");
  EXPECT_TRUE(directory.whole());

  directory = holding(4);
  directory.take(snapshot({instance("i2"), instance("i3")}));
  EXPECT_TRUE(directory.whole());
}

TEST(Directory, AnotherOpinionEndsTheCount) {
  Directory directory = holding(5);
  const SnapshotPart rest = snapshot({instance("i4")});
  for (int i = 1; i < Directory::kOpinions; ++i) {
    directory.take(rest);
    directory.stream_lost();
  }
  directory.confirmed();
  directory.take(rest);
  EXPECT_TRUE(directory.refused());
}

// --- Records that can't be read ---

SnapshotPart with_skipped(SnapshotPart part, const Instance& skipped) {
  *part.digest += digest_part(skipped);
  part.skipped = {1, "weight"};
  return part;
}

TEST(Directory, AListThatLacksRecordsIsImpaired) {
  Directory directory("orders");
  EXPECT_EQ(text(directory.take(with_skipped(snapshot({instance("a")}), instance("x")))), "+a()");
  EXPECT_TRUE(directory.impaired());
  EXPECT_FALSE(directory.whole());
  EXPECT_FALSE(directory.mismatch());
  EXPECT_FALSE(directory.can_resume());
  EXPECT_EQ(directory.skipped(), 1u);
  EXPECT_EQ(directory.complaint(), "weight");
  EXPECT_EQ(directory.source(), Directory::Source::kRegistry);

  directory.confirmed();
  EXPECT_FALSE(directory.whole());
  directory.take(snapshot({instance("a"), instance("x")}));
  EXPECT_FALSE(directory.impaired());
  EXPECT_TRUE(directory.whole());
  EXPECT_EQ(directory.skipped(), 0u);
}

TEST(Directory, AnImpairedListIsFollowedMeanwhile) {
  Directory directory("orders");
  directory.take(with_skipped(snapshot({instance("a")}), instance("x")));
  const auto now = digest_of({instance("a"), instance("b"), instance("x")});
  EXPECT_EQ(text(directory.take(Delta{"orders", {{instance("b"), ""}}, {}, {}, now})), "+b()");
  EXPECT_TRUE(directory.impaired());
  EXPECT_EQ(directory.skipped(), 1u);

  // The one that could not be read is gone.
  directory.take(
      Delta{"orders", {}, {{"x", "drained"}}, {}, digest_of({instance("a"), instance("b")})});
  EXPECT_TRUE(directory.whole());

  directory.take(with_skipped(snapshot({instance("a")}), instance("x")));
  directory.take(Delta{"orders", {{instance("b"), ""}}, {}, {}, now + 1});
  EXPECT_TRUE(directory.mismatch());
  EXPECT_FALSE(directory.impaired());
  EXPECT_EQ(ids(directory), "a ");
}

TEST(Directory, AChangeOfWhichPartCannotBeReadIsTakenAsFarAsItGoes) {
  Directory directory = holding(1);
  Delta delta{"orders", {{instance("a"), "registered"}}, {}, {}, 1, {2, "port"}};
  EXPECT_EQ(text(directory.take(delta)), "+a(registered)");
  EXPECT_TRUE(directory.impaired());
  EXPECT_EQ(directory.skipped(), 2u);
}

TEST(Directory, RecordsThatCannotBeReadEmptyNoList) {
  Directory directory = holding(3);
  SnapshotPart none = emptied(Emptiness{"all_left", {{"drained", 9}}});
  none.digest = 7;
  none.skipped = {3, "weight"};
  directory.take(none);
  EXPECT_TRUE(directory.refused());
  EXPECT_EQ(directory.instances().size(), 3u);
  EXPECT_EQ(directory.complaint(), "none of its 3 records can be read: weight");
}

}  // namespace
}  // namespace callbook::sdk
