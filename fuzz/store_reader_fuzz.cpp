// Feeds the store's reader with hostile files: it must neither crash nor serve a record of which it
// would not find the same again, and what it leaves on the disk must be a sound log.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/crc32c.h"
#include "store/directory.h"
#include "store/frame.h"
#include "store/log.h"
#include "store/memory_file_system.h"

namespace {

using namespace callbook;
using store::FileId;
using store::FileKind;

const std::string kDir = "data";

struct Silence final : base::Logger {
  void write(base::LogLevel, std::string_view) override {}
};

using Records = std::vector<std::pair<uint64_t, std::string>>;

struct Found {
  bool opened = false;
  Records records;
  store::RecoveryReport report;
};

/// Opens the log and, if `next` is given, appends it.
Found open_log(store::MemoryFileSystem& files, bool salvage, const store::Record* next = nullptr) {
  Silence logger;
  Found found;
  store::LogOptions options;
  options.salvage = salvage;
  const auto keep = [&](const store::Record& record) -> base::Status {
    found.records.emplace_back(record.version,
                               std::string(record.key) + "=" + std::string(record.value));
    return {};
  };
  auto log = store::Log::open(files, kDir, options, logger, keep, &found.report);
  found.opened = log.ok();
  if (found.opened && next != nullptr) CALLBOOK_CHECK(log.value()->append({*next}).ok());
  return found;
}

/// Gives the header and the frames at the places where they should be the sums they should have, so
/// that mutation reaches what lies behind the sums.
std::string with_right_sums(std::string bytes, FileId id) {
  const auto put_u32 = [&](size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
  };
  if (bytes.size() >= store::kHeaderBytes) {
    bytes.replace(0, 8, "callbook");
    put_u32(8, store::kFormatVersion);
    put_u32(12, static_cast<uint32_t>(id.kind));
    put_u32(16, static_cast<uint32_t>(id.number));
    put_u32(20, 0);
    put_u32(40, base::crc32c(std::string_view(bytes).substr(0, 40)));
  }
  for (size_t at = store::kHeaderBytes; at + store::kFramePrefixBytes <= bytes.size();) {
    const auto low = static_cast<unsigned char>(bytes[at + 4]);
    const size_t length = 9 + low % 64U;
    if (at + store::kFramePrefixBytes + length > bytes.size()) break;
    put_u32(at + 4, static_cast<uint32_t>(length));
    std::string place;
    for (const uint64_t number : {id.number, static_cast<uint64_t>(at)}) {
      for (int i = 0; i < 8; ++i) place.push_back(static_cast<char>(number >> (8 * i)));
    }
    place.push_back(static_cast<char>(id.kind));
    const std::string_view summed = std::string_view(bytes).substr(at + 4, 4 + length);
    put_u32(at, base::crc32c(summed, base::crc32c(place)));
    at += store::kFramePrefixBytes + length;
  }
  return bytes;
}

/// Splits the input into files: for each a byte of choices, two of length, and the bytes.
void put_files(store::MemoryFileSystem& files, std::string_view input) {
  for (int count = 0; count < 4 && input.size() >= 3; ++count) {
    const auto choice = static_cast<unsigned char>(input[0]);
    const size_t length =
        static_cast<unsigned char>(input[1]) + 256U * static_cast<unsigned char>(input[2]);
    input.remove_prefix(3);
    const FileId id{(choice & 1) != 0 ? FileKind::kBase : FileKind::kSegment,
                    1U + (choice >> 1) % 4U};
    std::string bytes(input.substr(0, length));
    input.remove_prefix(bytes.size());
    if ((choice & 0x80) != 0) bytes = with_right_sums(std::move(bytes), id);
    files.set_bytes(store::path_of(kDir, id), std::move(bytes));
  }
}

void check(std::string_view input, bool salvage) {
  store::MemoryFileSystem files;
  put_files(files, input);
  const Found first = open_log(files, salvage);
  if (!first.opened || first.report.last_version == UINT64_MAX) return;
  const store::Record next{first.report.last_version + 1, "key", "value"};
  const Found second = open_log(files, false, &next);
  CALLBOOK_CHECK(second.opened && !second.report.torn_tail);
  if (!salvage) CALLBOOK_CHECK(second.records == first.records);
  const Found third = open_log(files, false);
  CALLBOOK_CHECK(third.opened && !third.report.torn_tail);
  CALLBOOK_CHECK(third.records.size() == second.records.size() + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input, false);
  check(input, true);
  return 0;
}
