#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace callbook::base {

// Byte encoding shared by stored records and bus messages. Fixed-width numbers are little-endian;
// varints are LEB128 (7 bits a byte, lowest first, at most 10 bytes); strings are a varint length
// and their bytes.

void put_u8(std::string& out, uint8_t value);
void put_u32(std::string& out, uint32_t value);
void put_u64(std::string& out, uint64_t value);
void put_varint(std::string& out, uint64_t value);
void put_string(std::string& out, std::string_view value);

/// Reads what the functions above wrote. Bytes are borrowed and must outlive the reader and every
/// view taken from it. After the first failure every read fails and yields zero or an empty view:
/// read everything, then ask ok() once.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  uint8_t u8();
  uint32_t u32();
  uint64_t u64();
  uint64_t varint();
  std::string_view string();
  std::string_view bytes(size_t count);

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  void fail() { ok_ = false; rest_ = {}; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace callbook::base
