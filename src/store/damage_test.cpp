// Bits that flip, files that vanish or change their names; and opening what is left.

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "store/test_log.h"

namespace callbook::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

using Content = std::map<std::string, std::string>;  // path to bytes

/// A log with a base, sealed segments and an unsealed one with a tail that is not marked durable.
struct Sound {
  Content content;
  std::vector<OwnedRecord> records;  // as replay gives them
  State state;
  uint64_t first = 0;  // the number of the base and of the first segment
};

Sound make_sound_log() {
  Sound sound;
  MemoryFileSystem files;
  LogOptions options;
  options.segment_bytes = 3000;
  Opened opened = open_log(files, options);
  uint64_t version = 0;
  const auto write = [&](int records) {
    for (int i = 0; i < records; ++i) {
      EXPECT_TRUE(append(*opened.log, make_record(++version)).ok());
      merge(sound.state, make_record(version));
      if (i % 6 == 5) {
        EXPECT_TRUE(sync(*opened.log));
      }
    }
  };
  write(30);
  EXPECT_TRUE(rewrite(*opened.log, sound.state).ok());
  write(70);
  EXPECT_TRUE(sync(*opened.log));
  write(1);  // with the mark
  for (int i = 0; i < 2; ++i) write(1);
  files.crash(MemoryFileSystem::Survival::kEverything);
  const auto names = files.list(kDir);
  for (const std::string& name : names.value()) {
    sound.content[kDir + "/" + name] = files.bytes(kDir + "/" + name);
  }
  opened = open_log(files, options);
  sound.records = opened.records;
  EXPECT_EQ(opened.state, sound.state);
  EXPECT_GE(sound.content.size(), 5U);
  sound.first = parse_file_name(sound.content.begin()->first.substr(kDir.size() + 1))->number;
  EXPECT_TRUE(sound.content.contains(base_path(sound.first)));
  return sound;
}

void put(MemoryFileSystem& files, const Content& content) {
  for (const auto& [path, bytes] : content) files.set_bytes(path, bytes);
}

/// Where the frame or header that holds byte `at` begins.
uint64_t begin_of_part(std::string_view bytes, FileId id, uint64_t at) {
  uint64_t begin = 0;
  for (uint64_t end = kHeaderBytes; end <= at; end += read_frame(bytes, id, end).frame->bytes) {
    begin = end;
  }
  return begin;
}

bool is_prefix(const std::vector<OwnedRecord>& part, const std::vector<OwnedRecord>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

TEST(Damage, NoFlippedBitGoesUnnoticedOrIsServed) {
  const Sound sound = make_sound_log();
  uint64_t bits = 0;
  for (const auto& [path, bytes] : sound.content) bits += bytes.size() * 8;
  uint64_t torn = 0;
  constexpr uint64_t kFlips = 12'000;
  for (uint64_t i = 0; i < kFlips && !HasFailure(); ++i) {
    uint64_t bit = base::mix64(i + 1) % bits;
    auto file = sound.content.begin();
    for (; bit >= file->second.size() * 8; ++file) bit -= file->second.size() * 8;
    const std::string& path = file->first;
    SCOPED_TRACE(testing::Message() << path << " bit " << bit);
    MemoryFileSystem files;
    put(files, sound.content);
    files.flip_bit(path, bit);
    const Opened opened = open_log(files);
    const FileId id = *parse_file_name(path.substr(kDir.size() + 1));
    const uint64_t begin = begin_of_part(file->second, id, bit / 8);
    EXPECT_TRUE(is_prefix(opened.records, sound.records) ||
                (opened.report.torn_tail && opened.records == sound.records));
    if (opened.status.ok()) {
      ++torn;
      ASSERT_TRUE(opened.report.torn_tail);
      EXPECT_EQ(opened.report.torn_file, path);
      EXPECT_EQ(opened.report.torn_offset, begin);
      EXPECT_THAT(opened.logger->lines, SizeIs(1));
    } else {
      ASSERT_EQ(opened.status.error().code, base::ErrorCode::kCorrupt);
      EXPECT_EQ(opened.status.error().field, path);
      EXPECT_THAT(opened.status.error().detail, HasSubstr("offset " + std::to_string(begin) + ":"));
      EXPECT_THAT(opened.report.damages, SizeIs(1));
    }
  }
  EXPECT_GT(torn, 0U) << "the unmarked tail must have been hit";
  EXPECT_LT(torn, kFlips / 10) << "all that was marked durable must count as damage";
}

TEST(Damage, AMissingFileIsNoticed) {
  const Sound sound = make_sound_log();
  for (const auto& [path, bytes] : sound.content) {
    MemoryFileSystem files;
    put(files, sound.content);
    ASSERT_TRUE(files.remove(path).ok());
    const Opened opened = open_log(files);
    ASSERT_FALSE(opened.status.ok()) << path;
    EXPECT_EQ(opened.status.error().code, base::ErrorCode::kCorrupt);
  }
}

TEST(Damage, ARenamedFileIsNoticed) {
  const Sound sound = make_sound_log();
  for (const auto& [path, bytes] : sound.content) {
    for (size_t at = kDir.size() + 1; at < path.size(); ++at) {
      for (int bit = 0; bit < 7; ++bit) {
        std::string name = path;
        name[at] = static_cast<char>(name[at] ^ (1 << bit));
        if (name[at] == '/' || name[at] == '\0' || sound.content.contains(name)) continue;
        MemoryFileSystem files;
        put(files, sound.content);
        ASSERT_TRUE(files.rename(path, name).ok());
        EXPECT_FALSE(open_log(files).status.ok()) << name;
      }
    }
  }
}

TEST(Damage, TwoFilesExchangedAreNoticed) {
  const Sound sound = make_sound_log();
  MemoryFileSystem files;
  put(files, sound.content);
  const std::string third = files.bytes(segment_path(sound.first + 1));
  files.set_bytes(segment_path(sound.first + 1), files.bytes(segment_path(sound.first + 2)));
  files.set_bytes(segment_path(sound.first + 2), third);
  EXPECT_FALSE(open_log(files).status.ok());
}

/// Another log's segment of the same number, which begins at the same place.
TEST(Damage, AForeignFileIsNoticed) {
  LogOptions options;
  options.segment_bytes = 400;
  std::string foreign;
  for (const uint64_t first_version : {1000U, 1U}) {
    MemoryFileSystem files;
    Opened opened = open_log(files, options);
    for (uint64_t i = 0; i < 20; ++i) {
      const OwnedRecord record{first_version + i, "key", std::string(50, 'v')};
      ASSERT_TRUE(append(*opened.log, record).ok());
    }
    ASSERT_TRUE(sync(*opened.log));
    opened.log.reset();
    if (first_version == 1) {
      files.set_bytes(segment_path(2), foreign);
      const Opened damaged = open_log(files, options);
      ASSERT_FALSE(damaged.status.ok());
      EXPECT_EQ(damaged.status.error().field, segment_path(2));
    }
    foreign = files.bytes(segment_path(2));
  }
}

TEST(Damage, AShortenedBaseOrSealedSegmentIsNoticed) {
  const Sound sound = make_sound_log();
  for (const std::string& path :
       {base_path(sound.first), segment_path(sound.first), segment_path(sound.first + 1)}) {
    const std::string& bytes = sound.content.at(path);
    for (size_t size = 0; size < bytes.size(); size += 7) {
      MemoryFileSystem files;
      put(files, sound.content);
      files.set_bytes(path, bytes.substr(0, size));
      const Opened opened = open_log(files);
      EXPECT_FALSE(opened.status.ok() && opened.records != sound.records) << path << " " << size;
      EXPECT_TRUE(!opened.status.ok() || opened.report.torn_tail) << path << " " << size;
    }
  }
}

TEST(Salvage, KeepsEveryRecordThatVerifiesAndHeals) {
  const Sound sound = make_sound_log();
  LogOptions options;
  options.salvage = true;
  MemoryFileSystem files;
  put(files, sound.content);
  files.flip_bit(segment_path(sound.first + 1), 8 * (kHeaderBytes + 500));
  files.flip_bit(base_path(sound.first), 8 * (kHeaderBytes + 300));
  files.flip_bit(segment_path(sound.first), 8 * 20);  // the header
  ASSERT_FALSE(open_log(files).status.ok());

  Opened opened = open_log(files, options);
  ASSERT_TRUE(opened.status.ok()) << opened.status.error().to_string();
  EXPECT_THAT(opened.report.damages, SizeIs(3));
  for (const std::string& path :
       {segment_path(sound.first + 1), base_path(sound.first), segment_path(sound.first)}) {
    EXPECT_TRUE(files.read(path + ".damaged").ok()) << path;
  }
  // Two records are lost; what is served was written.
  std::set<uint64_t> versions;
  for (const OwnedRecord& record : opened.records) {
    EXPECT_EQ(record, make_record(record.version));
    versions.insert(record.version);
  }
  std::set<uint64_t> written;
  for (const OwnedRecord& record : sound.records) written.insert(record.version);
  EXPECT_EQ(versions.size() + 2, written.size());
  EXPECT_TRUE(opened.log->rewrite_due());

  // Consistent on the disk at once, even if the machine stops now.
  const State salvaged = opened.state;
  opened.log.reset();
  files.crash(MemoryFileSystem::Survival::kSynced);
  Opened again = open_log(files, options);
  ASSERT_TRUE(again.status.ok()) << again.status.error().to_string();
  EXPECT_EQ(again.state, salvaged);
  EXPECT_THAT(again.report.damages, ElementsAre());
  ASSERT_TRUE(append(*again.log, make_record(again.report.last_version + 1)).ok());
  ASSERT_TRUE(rewrite(*again.log, again.state).ok());
}

TEST(Salvage, SurvivesACrashAtEveryStep) {
  const Sound sound = make_sound_log();
  LogOptions options;
  options.salvage = true;
  Content damaged = sound.content;
  damaged[segment_path(sound.first + 1)][kHeaderBytes + 500] ^= 1;
  MemoryFileSystem whole;
  put(whole, damaged);
  const State expected = open_log(whole, options).state;
  const uint64_t steps = whole.operations();
  for (uint64_t step = 1; step <= steps; ++step) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      MemoryFileSystem files;
      put(files, damaged);
      files.stop_after(step);
      open_log(files, options).log.reset();
      files.crash(MemoryFileSystem::Survival::kRandom, seed);
      const Opened again = open_log(files, options);
      ASSERT_TRUE(again.status.ok()) << step << ": " << again.status.error().to_string();
      EXPECT_EQ(again.state, expected) << step;
    }
  }
}

TEST(Salvage, PassesOverAMissingFile) {
  const Sound sound = make_sound_log();
  LogOptions options;
  options.salvage = true;
  for (const auto& [path, bytes] : sound.content) {
    MemoryFileSystem files;
    put(files, sound.content);
    ASSERT_TRUE(files.remove(path).ok());
    const Opened opened = open_log(files, options);
    ASSERT_TRUE(opened.status.ok()) << path << opened.status.error().to_string();
    EXPECT_THAT(opened.report.damages, Not(ElementsAre())) << path;
    EXPECT_LT(opened.records.size(), 2 * sound.records.size());
  }
}

}  // namespace
}  // namespace callbook::store
