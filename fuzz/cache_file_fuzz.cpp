// Cache files as a broken disk, or somebody else, may leave them: none crashes, and what is read is
// a list that reads the same when it is written again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "sdk/cache_file.h"

using namespace callbook;

namespace {

constexpr size_t kSumAt = 12;
constexpr size_t kRestAt = 20;

void check(std::string_view bytes) {
  const auto read = sdk::decode_cache(bytes);
  if (!read.ok()) {
    CALLBOOK_CHECK(read.error().code == base::ErrorCode::kCorrupt && !read.error().detail.empty());
    return;
  }
  const auto again = sdk::decode_cache(sdk::encode_cache(*read));
  CALLBOOK_CHECK(again.ok() && again->list.digest() == read->list.digest());
  CALLBOOK_CHECK(again->list.size() == read->list.size() && again->service == read->service);
  CALLBOOK_CHECK(again->list.largest() == read->list.largest());
}

/// With the header that it should have, so that mutation reaches what lies behind it.
std::string with_right_header(std::string bytes, uint32_t format) {
  if (bytes.size() < kRestAt) return bytes;
  std::string header = "callbook";
  base::put_u32(header, format);
  CALLBOOK_CHECK(header.size() == kSumAt);
  base::put_u64(header, base::xxh64(std::string_view(bytes).substr(kRestAt)));
  return bytes.replace(0, kRestAt, header);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  check(with_right_header(bytes, 1));
  check(with_right_header(bytes, 2));
  const std::string name = sdk::cache_file_name("default", bytes);
  CALLBOOK_CHECK(name.find('/') == std::string::npos && name.front() != '.' && name.size() <= 96);
  return 0;
}
