#include <gtest/gtest.h>

#include "base/hash.h"
#include "dialects/peer/snapshot_codec.h"

namespace callbook::peer {
namespace {

using Kind = SnapshotFrame::Kind;

core::RecordBatch records(int count) {
  core::RecordBatch batch;
  for (int i = 0; i < count; ++i) {
    batch.begin(static_cast<uint64_t>(i) + 1);
    batch.bytes() += "i/orders/o-" + std::to_string(i);
    batch.end_key();
    batch.bytes().append(static_cast<size_t>(i), 'v');  // the first one is erased: not sent
    batch.end();
  }
  return batch;
}

std::string whole(int count) {
  std::string bytes;
  append_beginning(bytes, {core::StreamPosition{7, 700}, core::StreamPosition{8, 800}}, "dc2");
  const size_t sent = append_records(bytes, records(count));
  append_end(bytes, sent);
  return bytes;
}

/// Everything that can be read of `bytes`, given in pieces of `step`.
base::Result<std::vector<SnapshotFramePtr>> read(std::string_view bytes, size_t step,
                                                 bool follows = false) {
  SnapshotDecoder decoder(follows);
  std::vector<SnapshotFramePtr> frames;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    decoder.add(bytes.substr(0, step));
    while (true) {
      auto frame = decoder.next();
      if (!frame.ok()) return frame.error();
      if (!*frame) break;
      frames.push_back(std::move(*frame));
    }
  }
  return frames;
}

TEST(Snapshot, ComesWholeHoweverItIsCut) {
  const std::string bytes = whole(20);
  for (const size_t step : {size_t{1}, size_t{3}, size_t{64}, bytes.size()}) {
    const auto frames = read(bytes, step);
    ASSERT_TRUE(frames.ok()) << frames.error().to_string();
    ASSERT_EQ(frames->size(), 3u);
    EXPECT_EQ((*frames)[0]->kind, Kind::kBeginning);
    EXPECT_EQ((*frames)[0]->positions[1].version, 800u);
    EXPECT_EQ((*frames)[0]->datacenter, "dc2");
    ASSERT_EQ((*frames)[1]->records.size(), 19u);
    EXPECT_EQ((*frames)[1]->records[4].key, "i/orders/o-5");
    EXPECT_EQ((*frames)[1]->records[4].value, "vvvvv");
    EXPECT_EQ((*frames)[2]->kind, Kind::kEnd);
  }
}

TEST(Snapshot, EveryFlippedBitIsNoticed) {
  const std::string good = whole(5);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const auto frames = read(bytes, bytes.size());
    // A longer length waits for bytes that never come: no end is read.
    const bool ended = frames.ok() && !frames->empty() && frames->back()->kind == Kind::kEnd;
    EXPECT_FALSE(ended) << "bit " << bit;
  }
}

TEST(Snapshot, FramesOutOfTurnAreRefused) {
  std::string bytes;
  append_records(bytes, records(3));
  EXPECT_FALSE(read(bytes, bytes.size()).ok());
  bytes = whole(3);
  append_beginning(bytes, {}, "dc2");
  EXPECT_FALSE(read(bytes, bytes.size()).ok());
  bytes.clear();
  append_beginning(bytes, {}, "dc2");
  append_end(bytes, 1);
  EXPECT_FALSE(read(bytes, bytes.size()).ok());
}

TEST(Snapshot, WhoFollowsIsToldOfChangesBeforeItsEndAndBehindIt) {
  std::string bytes;
  append_beginning(bytes, {}, "dc2");
  append_changes(bytes, records(3), true);  // the first of them was erased
  const size_t sent = append_records(bytes, records(5));
  append_end(bytes, sent);
  append_changes(bytes, {}, false);
  append_changes(bytes, records(2), true);
  EXPECT_FALSE(read(bytes, bytes.size()).ok()) << "nobody else is sent changes";
  const auto frames = read(bytes, 7, true);
  ASSERT_TRUE(frames.ok()) << frames.error().to_string();
  ASSERT_EQ(frames->size(), 6u);
  const auto& first = *(*frames)[1];
  EXPECT_EQ(first.kind, Kind::kChanges);
  EXPECT_TRUE(first.in_touch);
  ASSERT_EQ(first.records.size(), 3u);
  EXPECT_EQ(first.records[0].key, "i/orders/o-0");
  EXPECT_TRUE(first.records[0].value.empty());
  EXPECT_EQ((*frames)[4]->kind, Kind::kChanges);
  EXPECT_FALSE((*frames)[4]->in_touch);
  EXPECT_TRUE((*frames)[4]->records.empty());
  append_records(bytes, records(3));
  EXPECT_FALSE(read(bytes, bytes.size(), true).ok()) << "records behind the end";
}

}  // namespace
}  // namespace callbook::peer
