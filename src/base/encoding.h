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
inline void put_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
inline void put_string(std::string& out, std::string_view value) {
  put_varint(out, value.size());
  out.append(value);
}

/// Reads what the functions above wrote. Bytes are borrowed and must outlive the reader and every
/// view taken from it. After the first failure every read fails and yields zero or an empty view:
/// read everything, then ask ok() once.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  uint8_t u8();
  uint32_t u32();
  uint64_t u64();
  uint64_t varint() {
    if (!rest_.empty() && static_cast<unsigned char>(rest_.front()) < 0x80) {
      const auto value = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      return value;
    }
    return long_varint();
  }
  std::string_view string() { return bytes(varint()); }
  std::string_view bytes(size_t count) {
    if (count > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  void fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  uint64_t long_varint();

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace callbook::base
