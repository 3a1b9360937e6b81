#include "core/delta_window.h"

#include <gtest/gtest.h>

namespace callbook::core {
namespace {

std::string told(const DeltaRecorder& recorder, uint64_t from) {
  constexpr std::string_view kNames[] = {"put", "state", "gone"};
  std::string text;
  for (const LastChange& one : last_changes(recorder.window(), from)) {
    text += one.change->id + " " + std::string(kNames[static_cast<int>(one.kind)]) + " " +
            std::to_string(one.version) + "; ";
  }
  return text;
}

TEST(LastChanges, TellOfEachIdOnceWhatItNeeds) {
  DeltaRecorder recorder;
  recorder.reset(0);
  recorder.append({1, "a", Cause::kRegistered, Change::Kind::kPut}, 4);
  recorder.append({2, "b", Cause::kRegistered, Change::Kind::kPut}, 4);
  recorder.append({3, "c", Cause::kDeregistered, Change::Kind::kGone}, 4);
  recorder.append({4, "a", Cause::kOverride, Change::Kind::kState}, 4);
  recorder.append({5, "d", Cause::kOverride, Change::Kind::kState}, 4);
  recorder.append({6, "b", Cause::kDeregistered, Change::Kind::kGone}, 4);
  recorder.append({7, "d", Cause::kOverride, Change::Kind::kState}, 4);
  EXPECT_EQ(told(recorder, 0), "a put 1; c gone 3; b gone 6; d state 7; ");
  EXPECT_EQ(told(recorder, 1), "c gone 3; a state 4; b gone 6; d state 7; ");
  EXPECT_EQ(told(recorder, 5), "b gone 6; d state 7; ");
  EXPECT_EQ(told(recorder, 7), "");
}

TEST(LastChanges, APutIsNotLostToWhoeverIsCutOffBeforeItsStateChanged) {
  DeltaRecorder recorder;
  recorder.reset(0);
  recorder.append({1, "a", Cause::kRegistered, Change::Kind::kPut}, 4);
  recorder.append({2, "b", Cause::kRegistered, Change::Kind::kPut}, 4);
  recorder.append({3, "a", Cause::kOverride, Change::Kind::kState}, 4);
  const auto all = last_changes(recorder.window(), 0);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].change->version, 3u);  // the cause is that of the last change
  // A piece that ends with the first goes on from there: the state once more, and b.
  EXPECT_EQ(told(recorder, all[0].version), "b put 2; a state 3; ");
}

TEST(DeltaRecorder, KeepsNoMoreChangesThanASnapshotOfTheListWouldCost) {
  const auto kept = [](size_t listed) {
    DeltaRecorder recorder;
    recorder.reset(0);
    uint64_t version = 0;
    for (int i = 0; i < 20'000; ++i) {
      recorder.append({++version, "a", Cause::kRegistered, Change::Kind::kPut}, listed);
    }
    return version - recorder.window().floor();
  };
  EXPECT_LE(kept(1), 2u * DeltaRecorder::kLeastGeneration);
  EXPECT_GE(kept(1), DeltaRecorder::kLeastGeneration);
  EXPECT_LE(kept(300), 2u * 600);
  EXPECT_GE(kept(300), 600u);
  EXPECT_LE(kept(100'000), 2u * DeltaRecorder::kMaxGeneration);
  EXPECT_GE(kept(100'000), DeltaRecorder::kMaxGeneration);
}

}  // namespace
}  // namespace callbook::core
