#include "sdk/cache_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "sdk/directory.h"

namespace callbook::sdk {
namespace {

using base::ErrorCode;

Instance full(const std::string& id) {
  return {id,
          "10.0.0.7",
          8080,
          {{"admin", 9}, {"grpc", 9090}},
          "zone-a",
          250,
          {{"version", "1.4"}, {"empty", ""}},
          "suspect"};
}

CachedList example() {
  CachedList cached{"default", "orders", 1'700'000'000'123, {}};
  cached.list.put(std::make_shared<const Instance>(full("o-1")));
  Instance plain;
  plain.id = "o-2";
  plain.address = "::1";
  cached.list.put(std::make_shared<const Instance>(plain));
  return cached;
}

std::vector<Instance> instances_of(const InstanceList& list) {
  std::vector<Instance> instances;
  for (const auto& held : list) instances.push_back(*held.instance);
  return instances;
}

/// A directory that goes with the test.
class CacheFileTest : public ::testing::Test {
 protected:
  CacheFileTest() { EXPECT_NE(::mkdtemp(base_.data()), nullptr); }
  ~CacheFileTest() override { std::filesystem::remove_all(base_); }

  /// Not there yet, and neither is what it stands in.
  std::string directory() const { return base_ + "/state/cache"; }
  std::string path() const { return directory() + "/" + cache_file_name("default", "orders"); }
  void put(const std::string& bytes) const {
    std::filesystem::create_directories(directory());
    std::ofstream(path(), std::ios::binary) << bytes;
  }
  /// Reads the example's file, which is wrong.
  base::Error error() const {
    const auto read = read_cache_file(directory(), "default", "orders");
    EXPECT_FALSE(read.ok());
    if (read.ok()) return {};
    EXPECT_TRUE(read.error().detail.starts_with(path() + ": ")) << read.error().detail;
    return read.error();
  }
  static unsigned mode(const std::string& path) {
    struct stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 07777U;
  }

  std::string base_ = ::testing::TempDir() + "cache-XXXXXX";
};

TEST(CacheFormat, WhatIsWrittenIsRead) {
  const CachedList cached = example();
  const auto read = decode_cache(encode_cache(cached));
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read->name_space, "default");
  EXPECT_EQ(read->service, "orders");
  EXPECT_EQ(read->current_wall_ms, 1'700'000'000'123);
  EXPECT_EQ(read->list.digest(), cached.list.digest());
  EXPECT_EQ(instances_of(read->list), instances_of(cached.list));
}

TEST(CacheFormat, AnEmptyListIsAListToo) {
  const auto read = decode_cache(encode_cache({"n", "s", -1, {}}));
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->list.empty());
  EXPECT_EQ(read->current_wall_ms, -1);
}

TEST(CacheFormat, TheLargestSizeIsKeptAndNeedsTheLaterFormat) {
  CachedList cached = example();
  cached.list.set_largest(2);  // no more than are listed: nothing to keep
  EXPECT_EQ(encode_cache(cached), encode_cache(example()));
  cached.list.set_largest(40);
  const std::string bytes = encode_cache(cached);
  EXPECT_EQ(bytes[8], 2);
  const auto read = decode_cache(bytes);
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read->list.largest(), 40u);
  EXPECT_EQ(instances_of(read->list), instances_of(cached.list));
}

// So that files of former releases go on being read. The number is that of a file made from
// docs/formats/cache.md by another implementation.
TEST(CacheFormat, StaysAsItIs) {
  EXPECT_EQ(base::xxh64(encode_cache(example())), 8703507507932181094U);
}

TEST(CacheFormat, DamageAtEachByteIsNoticed) {
  const std::string bytes = encode_cache(example());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {1, 0x80, 0xFF}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      const auto read = decode_cache(damaged);
      ASSERT_FALSE(read.ok()) << "byte " << at << ", bits " << flip;
      EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
      EXPECT_NE(read.error().detail, "");
    }
    EXPECT_FALSE(decode_cache(bytes.substr(0, at)).ok()) << "cut off at " << at;
    EXPECT_FALSE(decode_cache(bytes.substr(at + 1)).ok()) << "begins behind " << at;
  }
  EXPECT_FALSE(decode_cache(bytes + '\0').ok());
}

/// `bytes` with the checksum that they should have, so that what lies behind it is reached.
std::string with_right_checksum(std::string bytes) {
  const uint64_t sum = base::xxh64(std::string_view(bytes).substr(20));
  for (size_t i = 0; i < 8; ++i) bytes[12 + i] = static_cast<char>(sum >> (8 * i));
  return bytes;
}

TEST(CacheFormat, DamageThatTheChecksumHidesLeadsToNoOtherList) {
  const std::string bytes = encode_cache(example());
  const auto expected = instances_of(example().list);
  for (size_t at = 20; at < bytes.size(); ++at) {
    for (const int flip : {1, 0x10, 0x80, 0xFF}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      const auto read = decode_cache(with_right_checksum(damaged));
      // The names and the time before the list are proven by nothing else.
      if (read.ok()) {
        EXPECT_EQ(instances_of(read->list), expected) << "byte " << at;
      }
    }
    EXPECT_FALSE(decode_cache(with_right_checksum(bytes.substr(0, at))).ok()) << at;
  }
}

TEST(CacheFormat, SaysWhatIsWrong) {
  const std::string bytes = encode_cache(example());
  const auto detail = [](const std::string& damaged) {
    const auto read = decode_cache(damaged);
    return read.ok() ? "nothing" : read.error().detail;
  };
  EXPECT_EQ(detail(""), "is cut off");
  EXPECT_EQ(detail("#!/bin/sh\necho what is this\n"), "is no cache file");
  std::string changed = bytes;
  changed[8] = 3;
  EXPECT_EQ(detail(changed), "is of format 3; this program knows 1 and 2");
  changed = bytes;
  changed.back() ^= 1;
  EXPECT_EQ(detail(changed), "does not agree with its checksum");
  EXPECT_EQ(detail(with_right_checksum(changed)), "holds a list that its digest contradicts");
  EXPECT_EQ(detail(with_right_checksum(bytes + 'x')), "holds no list");
}

TEST(CacheFileName, LeadsNowhereElse) {
  std::set<std::string> names;
  for (const char* service : {"orders", "Orders", "..", ".", "/", "../../etc/passwd", "a/b", "a_b",
                              "a%2Fb", "-rf", ".hidden", "", "a:b", "a@b"}) {
    for (const char* name_space : {"default", "other", ""}) {
      const std::string name = cache_file_name(name_space, service);
      EXPECT_TRUE(names.insert(name).second) << name;
      EXPECT_EQ(name.find('/'), std::string::npos) << name;
      EXPECT_NE(name.front(), '.') << name;
      EXPECT_NE(name.front(), '-') << name;
    }
  }
  EXPECT_TRUE(names.insert(cache_file_name("a", "bc")).second);
  EXPECT_TRUE(names.insert(cache_file_name("ab", "c")).second);
  const std::string longest(128, '/');
  EXPECT_LE(cache_file_name(longest, longest).size(), 96u);
  EXPECT_TRUE(cache_file_name("default", "orders").starts_with("orders."));
}

TEST_F(CacheFileTest, IsThisUsersAlone) {
  ASSERT_TRUE(write_cache_file(directory(), example()).ok());
  EXPECT_EQ(mode(directory()), 0700u);
  EXPECT_EQ(mode(path()), 0600u);
  const auto read = read_cache_file(directory(), "default", "orders");
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(instances_of(read->list), instances_of(example().list));
}

TEST_F(CacheFileTest, IsReplacedWholeAndLeavesNothingBehind) {
  CachedList cached = example();
  ASSERT_TRUE(write_cache_file(directory(), cached).ok());
  cached.list.erase("o-1");
  ASSERT_TRUE(write_cache_file(directory(), cached).ok());
  EXPECT_EQ(read_cache_file(directory(), "default", "orders")->list.size(), 1u);
  const std::filesystem::directory_iterator files(directory());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(CacheFileTest, WhatIsMissingIsNotFound) {
  EXPECT_EQ(error().code, ErrorCode::kNotFound);
}

TEST_F(CacheFileTest, WhatIsDamagedIsAnErrorThatNamesTheFile) {
  std::string bytes = encode_cache(example());
  put(bytes.substr(0, bytes.size() / 2));
  EXPECT_EQ(error().detail, path() + ": does not agree with its checksum");
  put("");
  EXPECT_EQ(error().code, ErrorCode::kCorrupt);
}

TEST_F(CacheFileTest, AnothersListIsNotOurs) {
  CachedList other = example();
  other.service = "stock";
  put(encode_cache(other));
  EXPECT_EQ(error().detail, path() + ": is of the service stock in default");
  other = example();
  other.name_space = "test";
  put(encode_cache(other));
  EXPECT_EQ(error().code, ErrorCode::kCorrupt);
}

TEST_F(CacheFileTest, OnlyPlainFilesAreRead) {
  std::filesystem::create_directories(path());
  EXPECT_EQ(error().detail, path() + ": is no plain file");
  std::filesystem::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(error().detail, path() + ": is no plain file");
  std::filesystem::remove(path());
  ASSERT_TRUE(write_cache_file(base_, example()).ok());
  std::filesystem::create_symlink(base_ + "/" + cache_file_name("default", "orders"), path());
  EXPECT_EQ(error().code, ErrorCode::kIo);
}

TEST_F(CacheFileTest, SaysWhereItCannotWrite) {
  std::ofstream(base_ + "/state") << "a file in the way";
  const auto status = write_cache_file(directory(), example());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kIo);
  EXPECT_NE(status.error().detail.find(base_ + "/state"), std::string::npos);
}

TEST_F(CacheFileTest, ADirectoryResumesByWhatItHeld) {
  ASSERT_TRUE(write_cache_file(directory(), example()).ok());
  auto read = read_cache_file(directory(), "default", "orders");
  ASSERT_TRUE(read.ok());
  Directory service("orders");
  service.restore(std::move(read->list), Directory::Source::kCache);
  EXPECT_TRUE(service.can_resume());
  EXPECT_EQ(service.instances().digest(), example().list.digest());
  service.confirmed();
  EXPECT_TRUE(service.whole());
}

}  // namespace
}  // namespace callbook::sdk
