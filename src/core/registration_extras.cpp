#include "core/registration_extras.h"

#include "base/check.h"
#include "base/encoding.h"

namespace callbook::core {
namespace {

// Fields, ascending, each once: (u8 tag, string bytes)*.
enum Tag : uint8_t { kSharesPort = 1, kLapse = 2, kChecks = 3, kInsists = 4 };

std::optional<Lapse> decode_lapse(std::string_view bytes) {
  base::ByteReader reader(bytes);
  const uint64_t down_after_ms = reader.varint();
  const uint64_t remove_after_ms = reader.varint();
  const uint8_t probe = reader.u8();
  const bool fits = down_after_ms <= INT64_MAX && remove_after_ms <= INT64_MAX && probe <= 1;
  if (!reader.ok() || !reader.at_end() || !fits) return std::nullopt;
  return Lapse{static_cast<int64_t>(down_after_ms), static_cast<int64_t>(remove_after_ms),
               probe == 1};
}

std::string encode_lapse(const Lapse& lapse) {
  std::string bytes;
  base::put_varint(bytes, static_cast<uint64_t>(lapse.down_after_ms));
  base::put_varint(bytes, static_cast<uint64_t>(lapse.remove_after_ms));
  base::put_u8(bytes, lapse.probe ? 1 : 0);
  return bytes;
}

}  // namespace

std::string encode(const RegistrationExtras& extras) {
  std::string out;
  const auto put = [&](Tag tag, std::string_view bytes) {
    base::put_u8(out, tag);
    base::put_string(out, bytes);
  };
  if (extras.shares_port) put(kSharesPort, {});
  if (extras.lapse) put(kLapse, encode_lapse(*extras.lapse));
  if (!extras.checks.empty()) put(kChecks, extras.checks);
  if (extras.insists) put(kInsists, {});
  return out;
}

std::optional<RegistrationExtras> decode_extras(std::string_view bytes) {
  base::ByteReader reader(bytes);
  RegistrationExtras extras;
  int last = 0;
  while (reader.ok() && !reader.at_end()) {
    const uint8_t tag = reader.u8();
    const std::string_view value = reader.string();
    if (!reader.ok() || tag <= last) return std::nullopt;
    last = tag;
    if (tag == kSharesPort) extras.shares_port = true;
    if (tag == kChecks) extras.checks = value;
    if (tag == kInsists) extras.insists = true;
    if (tag != kLapse) continue;
    extras.lapse = decode_lapse(value);
    if (!extras.lapse) return std::nullopt;
  }
  if (!reader.ok()) return std::nullopt;
  return extras;
}

std::string with_insistence(std::string_view extras) {
  auto insisting = decode_extras(extras);
  CALLBOOK_CHECK(insisting.has_value());
  insisting->insists = true;
  return encode(*insisting);
}

}  // namespace callbook::core
