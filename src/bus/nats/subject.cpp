#include "bus/nats/subject.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/check.h"

namespace callbook::bus::nats {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kMaxClusterBytes = 64;
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> make_digits() {
  std::array<uint8_t, 256> digits{};
  for (uint8_t& digit : digits) digit = kNoDigit;
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return digits;
}
constexpr std::array<uint8_t, 256> kDigits = make_digits();

}  // namespace

void append_token(std::string_view key, std::string& out) {
  uint32_t bits = 0;
  int held = 0;
  for (const char c : key) {
    bits = (bits << 8) | static_cast<uint8_t>(c);
    held += 8;
    while (held >= 6) {
      held -= 6;
      out.push_back(kAlphabet[(bits >> held) & 63]);
    }
  }
  if (held > 0) out.push_back(kAlphabet[(bits << (6 - held)) & 63]);
}

std::optional<std::string> key_of_token(std::string_view token) {
  if (token.empty() || token.size() % 4 == 1) return std::nullopt;
  std::string key;
  key.reserve(token.size() * 3 / 4);
  uint32_t bits = 0;
  int held = 0;
  for (const char c : token) {
    const uint8_t digit = kDigits[static_cast<uint8_t>(c)];
    if (digit == kNoDigit) return std::nullopt;
    bits = (bits << 6) | digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    key.push_back(static_cast<char>((bits >> held) & 0xff));
  }
  // Each key has one token: what is left over of the last digit is zero.
  if ((bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return key;
}

Names::Names(std::string_view cluster) {
  CALLBOOK_CHECK(check(cluster).ok());
  const std::string name(cluster);
  for (const Stream stream : {Stream::kTied, Stream::kLasting}) {
    const std::string kind(name_of(stream));
    streams_[index_of(stream)] = "callbook-" + name + "-" + kind;
    prefixes_[index_of(stream)] = "callbook." + name + "." + kind + ".";
  }
  beat_ = "callbook." + name + ".beat";
}

base::Status Names::check(std::string_view cluster) {
  if (cluster.empty() || cluster.size() > kMaxClusterBytes) {
    return base::over_limit("cluster", "has 1 to 64 bytes", kMaxClusterBytes);
  }
  const bool fits = std::all_of(cluster.begin(), cluster.end(),
                                [](char c) { return kAlphabet.find(c) != std::string_view::npos; });
  if (!fits) return base::invalid("cluster", "has letters, digits, '-' and '_' only");
  return {};
}

}  // namespace callbook::bus::nats
