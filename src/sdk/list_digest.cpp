#include "sdk/list_digest.h"

#include "base/hash.h"

namespace callbook::sdk {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kDigestChars = 11;

std::string canonical_text(const Instance& instance) {
  std::string text;
  const auto line = [&text](std::string_view content) {
    text.append(content);
    text.push_back('\n');
  };
  line(instance.id);
  line(instance.address);
  line(std::to_string(instance.port));
  line(instance.zone);
  line(std::to_string(instance.weight));
  for (const auto& [name, port] : instance.ports) {
    text.append("p\t").append(name).push_back('\t');
    line(std::to_string(port));
  }
  for (const auto& [name, value] : instance.metadata) {
    text.append("m\t").append(name).push_back('\t');
    line(value);
  }
  return text;
}

}  // namespace

uint64_t digest_part(const Instance& instance) {
  return base::mix64(base::xxh64(canonical_text(instance)) + base::xxh64(instance.state));
}

std::string digest_text(uint64_t digest) {
  // 64 bits are ten characters of 6 bits and one that holds the last 4, followed by two zero bits.
  std::string text;
  for (int shift = 58; shift >= 4; shift -= 6) text += kAlphabet[(digest >> shift) & 63];
  text += kAlphabet[(digest << 2) & 63];
  return text;
}

std::optional<uint64_t> parse_digest(std::string_view text) {
  if (text.size() != kDigestChars) return std::nullopt;
  uint64_t digest = 0;
  for (size_t i = 0; i < kDigestChars; ++i) {
    const size_t bits = kAlphabet.find(text[i]);
    if (bits == std::string_view::npos) return std::nullopt;
    const bool last = i + 1 == kDigestChars;
    if (last && (bits & 3) != 0) return std::nullopt;
    digest = last ? digest << 4 | bits >> 2 : digest << 6 | bits;
  }
  return digest;
}

}  // namespace callbook::sdk
