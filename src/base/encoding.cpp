#include "base/encoding.h"

#include <cstring>

namespace callbook::base {
namespace {

template <typename T>
void put_fixed(std::string& out, T value) {
  char bytes[sizeof value];
  for (size_t i = 0; i < sizeof value; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  out.append(bytes, sizeof bytes);
}

template <typename T>
T get_fixed(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

}  // namespace

void put_u8(std::string& out, uint8_t value) {
  out.push_back(static_cast<char>(value));
}
void put_u32(std::string& out, uint32_t value) {
  put_fixed(out, value);
}
void put_u64(std::string& out, uint64_t value) {
  put_fixed(out, value);
}

uint8_t ByteReader::u8() {
  return get_fixed<uint8_t>(bytes(1));
}
uint32_t ByteReader::u32() {
  return get_fixed<uint32_t>(bytes(4));
}
uint64_t ByteReader::u64() {
  return get_fixed<uint64_t>(bytes(8));
}

uint64_t ByteReader::long_varint() {
  uint64_t value = 0;
  for (size_t i = 0; i < rest_.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(rest_[i]);
    if (i == 9 && byte > 1) break;  // would not fit 64 bits
    value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) {
      rest_.remove_prefix(i + 1);
      return value;
    }
  }
  fail();
  return 0;
}

}  // namespace callbook::base
