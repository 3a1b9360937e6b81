#include "dialects/peer/direct_codec.h"

#include <gtest/gtest.h>

namespace callbook::peer {
namespace {

core::RecordBatch batch(size_t records, size_t value_bytes = 5) {
  core::RecordBatch batch;
  for (size_t i = 0; i < records; ++i) {
    batch.begin(i + 1);
    batch.bytes() += "key-" + std::to_string(i);
    batch.end_key();
    batch.bytes().append(value_bytes, 'v');
    batch.end();
  }
  return batch;
}

TEST(DirectCodec, BringsBackWhatWasTold) {
  const auto read = decode_direct(encode_direct("dc1/main", batch(2)));
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ((*read)->cluster, "dc1/main");
  ASSERT_EQ((*read)->records.size(), 2u);
  EXPECT_EQ((*read)->records[1].key, "key-1");
  EXPECT_EQ((*read)->records[1].value, "vvvvv");
}

TEST(DirectCodec, RefusesWhatIsCutShortOrGoesOnOrIsOfAnotherFormat) {
  const std::string whole = encode_direct("dc1/main", batch(2));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_direct(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_direct(whole + "x").ok());
  EXPECT_FALSE(decode_direct("\x09" + whole.substr(1)).ok());
}

TEST(DirectCodec, IsBoundedInRecordsAndBytes) {
  EXPECT_TRUE(decode_direct(encode_direct("c", batch(kMaxDirectRecords))).ok());
  const auto many = decode_direct(encode_direct("c", batch(kMaxDirectRecords + 1)));
  ASSERT_FALSE(many.ok());
  EXPECT_EQ(many.error().limit, kMaxDirectRecords);
  const auto large = decode_direct(encode_direct("c", batch(1, kMaxDirectBytes)));
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().limit, kMaxDirectBytes);
}

}  // namespace
}  // namespace callbook::peer
