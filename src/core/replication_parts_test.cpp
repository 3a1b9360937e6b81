// The small parts of replication: sections, digest, beats, peers.

#include <gtest/gtest.h>

#include "core/node_beat.h"
#include "core/peer_table.h"
#include "core/replica_digest.h"
#include "core/sections.h"

namespace callbook::core {
namespace {

std::string section(uint8_t tag, uint64_t hlc, std::string_view bytes) {
  std::string out;
  put_section(out, tag, {hlc, 1}, bytes);
  return out;
}

TEST(Sections, MergeTagByTagInAnyOrder) {
  const std::string a = section(1, 5, "a1") + section(3, 5, "a3");
  const std::string b = section(1, 7, "b1") + section(2, 1, "b2");
  const std::string merged = section(1, 7, "b1") + section(2, 1, "b2") + section(3, 5, "a3");
  EXPECT_EQ(merge_sections(a, b), merged);
  EXPECT_EQ(merge_sections(b, a), merged);
  EXPECT_EQ(merge_sections(merged, a), merged);
  EXPECT_TRUE(sections_hold_more(a, b));
  EXPECT_TRUE(sections_hold_more(b, a));
  EXPECT_TRUE(sections_hold_more(merged, a));
  EXPECT_FALSE(sections_hold_more(a, merged));
}

TEST(Sections, MalformedOnesAreSeen) {
  EXPECT_TRUE(valid_sections(""));
  EXPECT_TRUE(valid_sections(section(1, 5, "x") + section(2, 5, "y")));
  EXPECT_FALSE(valid_sections(section(2, 5, "x") + section(1, 5, "y")));
  EXPECT_FALSE(valid_sections(section(1, 5, "x") + section(1, 5, "y")));
  EXPECT_FALSE(valid_sections("x"));
}

TEST(ReplicaDigest, SaysWhichBucketsDiffer) {
  ReplicaDigest a;
  ReplicaDigest b;
  const uint64_t key_hash = key_hash_of({"default", "orders"}, "o-1");
  InstanceRecord record;
  record.kind = RegistrationKind::kBody;
  record.stamp = {5, 1};
  const uint64_t part = replica_part(key_hash, record);
  a.replace(key_hash, 0, part);
  EXPECT_NE(a.root(), b.root());
  const BucketSet differing = a.differing(b.buckets());
  EXPECT_EQ(differing.count(), 1u);
  EXPECT_TRUE(differing[ReplicaDigest::bucket_of(key_hash)]);
  b.replace(key_hash, 0, part);
  EXPECT_EQ(a.root(), b.root());
  a.replace(key_hash, part, 0);
  EXPECT_EQ(a.root(), ReplicaDigest().root());
}

TEST(ReplicaDigest, APartChangesWithEachFacetButNotWithAnnouncing) {
  InstanceRecord record;
  record.stamp = {5, 1};
  record.liveness = {1, {5, 1}, 1, false, Cause::kNone, 10};
  const uint64_t part = replica_part(1, record);
  InstanceRecord changed = record;
  changed.liveness.announced_wall_ms = 20;
  EXPECT_EQ(replica_part(1, changed), part);
  changed.liveness.epoch = 2;
  EXPECT_NE(replica_part(1, changed), part);
  changed = record;
  changed.kind = RegistrationKind::kRemoved;
  EXPECT_NE(replica_part(1, changed), part);
  changed = record;
  changed.stamp.node = 2;
  EXPECT_NE(replica_part(1, changed), part);
  const std::string sections = section(9, 1, "x");
  changed = record;
  changed.sections = sections;
  EXPECT_NE(replica_part(1, changed), part);
}

TEST(NodeBeat, ReadsBackWhatItWroteAndForgivesLaterFields) {
  NodeBeat beat;
  beat.node = "A";
  beat.boot = 7;
  beat.wall_ms = -5;
  beat.serving = true;
  beat.positions = {StreamPosition{1, 2}, StreamPosition{3, 4}};
  beat.root = 9;
  beat.buckets.emplace()[255] = 11;
  beat.reads = 5;
  beat.all_read = 4;
  const std::string bytes = encode_beat(beat);
  const auto read = decode_beat(bytes + "a later release says more");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(encode_beat(*read), bytes);
  const size_t first_release = bytes.size() - 2 * sizeof(uint64_t);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(decode_beat(bytes.substr(0, length)).ok(), length == first_release) << length;
  }
  const auto former = decode_beat(bytes.substr(0, first_release));
  EXPECT_EQ(former->buckets, beat.buckets);
  EXPECT_EQ(former->reads | former->all_read, 0u);
}

TEST(PeerTable, KnowsWhoIsHeardAndWhoInherits) {
  PeerTable peers(1, 5'000);
  EXPECT_FALSE(peers.hears_majority(0));
  peers.hear(2, 0).serving = true;
  peers.hear(3, 0).serving = true;
  EXPECT_TRUE(peers.hears_majority(5'000));
  EXPECT_FALSE(peers.hears_majority(5'001));
  peers.hear(3, 5'000);
  EXPECT_TRUE(peers.hears_majority(6'000));  // two of three
  size_t own = 0;
  for (uint64_t key = 0; key < 1'000; ++key) {
    const NodeId heir = peers.heir_of(base::mix64(key), 6'000);
    EXPECT_NE(heir, 2u);  // lost
    own += heir == 1 ? 1 : 0;
  }
  EXPECT_GT(own, 400u);
  EXPECT_LT(own, 600u);
  peers.forget_silent(5'000);
  EXPECT_EQ(peers.all().size(), 1u);
}

}  // namespace
}  // namespace callbook::core
