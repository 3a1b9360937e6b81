#include "store/frame.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "store/test_log.h"

namespace callbook::store {
namespace {

const FileId kSegment7{FileKind::kSegment, 7};
const FileId kBase7{FileKind::kBase, 7};

TEST(Frame, RecordsOfEverySizeComeBack) {
  const std::string long_key(kMaxKeyBytes, 'k');
  const std::string long_value(kMaxValueBytes, 'v');
  const std::vector<Record> records = {{1, "k", ""},
                                       {2, "k", "v"},
                                       {3, long_key, ""},
                                       {4, "k", long_value},
                                       {5, long_key, "null\0x"},
                                       {UINT64_MAX, "k", long_value}};
  std::string file(kHeaderBytes, '\0');
  for (const Record& record : records) append_record(file, kSegment7, file.size(), record);
  uint64_t offset = kHeaderBytes;
  for (const Record& record : records) {
    const auto [frame, problem] = read_frame(file, kSegment7, offset);
    ASSERT_TRUE(frame) << problem;
    EXPECT_EQ(frame->kind, FrameKind::kRecord);
    EXPECT_EQ(frame->version, record.version);
    EXPECT_EQ(frame->key, record.key);
    EXPECT_EQ(frame->value, record.value);
    offset += frame->bytes;
  }
  EXPECT_EQ(offset, file.size());
}

TEST(Frame, MarksSealsAndFootersComeBack) {
  std::string file;
  append_mark(file, kSegment7, 0, 41, {6, 1234});
  EXPECT_EQ(file.size(), kSealFrameBytes);
  append_seal(file, kSegment7, file.size(), 42);
  const auto mark = read_frame(file, kSegment7, 0).frame;
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->kind, FrameKind::kMark);
  EXPECT_EQ(mark->version, 41U);
  EXPECT_EQ(mark->durable, (Point{6, 1234}));
  const auto seal = read_frame(file, kSegment7, kSealFrameBytes).frame;
  ASSERT_TRUE(seal);
  EXPECT_EQ(seal->kind, FrameKind::kSeal);
  EXPECT_EQ(seal->durable, (Point{8, kHeaderBytes}));

  std::string base;
  append_footer(base, kBase7, 0, 42, 3);
  const auto footer = read_frame(base, kBase7, 0).frame;
  ASSERT_TRUE(footer);
  EXPECT_EQ(footer->count, 3U);
}

TEST(Frame, VerifiesOnlyWhereItWasWritten) {
  std::string file(10, '\0');
  append_record(file, kSegment7, 10, {1, "key", "value"});
  EXPECT_TRUE(read_frame(file, kSegment7, 10).frame);
  EXPECT_FALSE(read_frame(file, {FileKind::kSegment, 8}, 10).frame);
  EXPECT_FALSE(read_frame(file, kBase7, 10).frame);
  EXPECT_FALSE(read_frame("0" + file, kSegment7, 11).frame);
}

TEST(Frame, EveryFlippedBitAndEveryMissingByteIsNoticed) {
  std::string file;
  append_record(file, kSegment7, 0, {77, "key", "value"});
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string flipped = file + std::string(300, 'x');
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(read_frame(flipped, kSegment7, 0).frame) << bit;
  }
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(read_frame(file.substr(0, size), kSegment7, 0).frame) << size;
  }
}

TEST(Frame, EveryFlippedBitOfAHeaderIsNoticed) {
  std::string header;
  append_header(header, {kSegment7, 1000, 50});
  ASSERT_EQ(header.size(), kHeaderBytes);
  const auto read = read_header(header);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, kSegment7);
  EXPECT_EQ(read->previous_end, 1000U);
  EXPECT_EQ(read->previous_version, 50U);
  EXPECT_FALSE(read_header(header.substr(0, kHeaderBytes - 1)));
  for (size_t bit = 0; bit < header.size() * 8; ++bit) {
    std::string flipped = header;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(read_header(flipped)) << bit;
  }
}

TEST(Frame, FindsTheNextFrameAndTheFurthestDurablePoint) {
  std::string file(100, '\x02');
  append_mark(file, kSegment7, 100, 1, {7, 50});
  file.append(13, '\0');
  append_mark(file, kSegment7, file.size(), 1, {7, 90});
  EXPECT_EQ(find_frame(file, kSegment7, 0), 100U);
  EXPECT_EQ(find_frame(file, kSegment7, 101), 100 + kSealFrameBytes + 13);
  EXPECT_EQ(find_frame(file, kSegment7, file.size() - 5), std::nullopt);
  EXPECT_EQ(furthest_durable(file, kSegment7, 0), (Point{7, 90}));
  EXPECT_EQ(furthest_durable(file, kSegment7, file.size() - 5), (Point{0, 0}));
}

TEST(FileName, ComesBackAndNothingElseDoes) {
  EXPECT_EQ(file_name(kBase7), "base-00000000000000000007.cbk");
  EXPECT_EQ(file_name(kSegment7), "segment-00000000000000000007.cbk");
  EXPECT_EQ(parse_file_name(file_name(kBase7)), kBase7);
  EXPECT_EQ(parse_file_name(file_name(kSegment7)), kSegment7);
  for (const char* name :
       {"", "LOCK", "base-7.cbk", "base-00000000000000000007", "base-00000000000000000007.cbk.tmp",
        "segment-0000000000000000000x.cbk", "segment-99999999999999999999.cbk",
        "segment-00000000000000000000.cbk", "segment_00000000000000000007.cbk",
        "Segment-00000000000000000007.cbk"}) {
    EXPECT_FALSE(parse_file_name(name)) << name;
  }
}

/// The bytes in the hex blocks of the format's page: offset, two columns of bytes, a remark.
std::string bytes_in_page() {
  std::ifstream page(CALLBOOK_STORE_FORMAT_PAGE);
  std::string bytes;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      inside = line == "```hex";
      continue;
    }
    if (!inside) continue;
    std::istringstream words(line.substr(0, line.find('|')));
    std::string word;
    words >> word;
    EXPECT_EQ(std::stoul(word, nullptr, 16), bytes.size()) << line;
    while (words >> word) bytes.push_back(static_cast<char>(std::stoul(word, nullptr, 16)));
  }
  return bytes;
}

TEST(Format, TheExampleInThePageIsWhatALogWrites) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  ASSERT_TRUE(opened.status.ok());
  ASSERT_TRUE(append(*opened.log, {5, "orders/o-1", "up"}).ok());
  ASSERT_TRUE(sync(*opened.log));
  ASSERT_TRUE(append(*opened.log, {6, "orders/o-1", ""}).ok());
  EXPECT_EQ(bytes_in_page(), files.bytes(segment_path(1)));
}

}  // namespace
}  // namespace callbook::store
