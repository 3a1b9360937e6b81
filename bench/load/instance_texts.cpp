#include "load/instance_texts.h"

#include <array>

#include "load/fail.h"
#include <fmt/format.h>

#include "base/hash.h"

namespace callbook::load {
namespace {

using Gap = Template::Gap;

// In the order of their names, which is that of the canonical text.
constexpr std::array<std::string_view, 5> kNames = {"build", "host", "owner", "path", "version"};
constexpr size_t kAddressBytes = 14;

size_t name_bytes() {
  size_t bytes = 0;
  for (const std::string_view name : kNames) bytes += name.size();
  return bytes;
}

std::string put_head(std::string_view query, size_t body_bytes) {
  return fmt::format(
      "{} HTTP/1.1\r\nHost: callbook\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n",
      query, body_bytes);
}

}  // namespace

InstanceTexts::InstanceTexts(InstanceSize size) {
  size_t overhead = name_bytes();
  if (size.of == InstanceSize::Of::kJson) {
    Template empty;
    append_data(empty);
    overhead = empty.bytes();
  }
  if (size.bytes < overhead + kNames.size())
    fail("{} bytes are too few for an instance", size.bytes);
  const size_t total = size.bytes - overhead;
  for (size_t i = 0; i < kNames.size(); ++i) {
    value_bytes_[i] = total / kNames.size() + (i < total % kNames.size() ? 1 : 0);
  }
}

void InstanceTexts::append_data(Template& out) const {
  out.text(R"("address":")")
      .gap(Gap::kAddress, kAddressBytes)
      .text(R"(","port":8080,"metadata":{)");
  for (size_t i = 0; i < kNames.size(); ++i) {
    out.text(i == 0 ? "\"" : ",\"").text(kNames[i]).text("\":\"");
    out.gap(Gap::kValue, value_bytes_[i]).text("\"");
  }
  out.text("}");
}

Template InstanceTexts::put_request(std::string_view query) const {
  const auto append_body = [this](Template& out) {
    out.text("{");
    append_data(out);
    out.text(R"(,"session":")").gap(Gap::kSession, kSessionBytes).text("\"}");
  };
  Template body;
  append_body(body);
  Template result;
  result.text("PUT /v1/services/s-").gap(Gap::kService, kServiceDigits);
  result.text("/instances/i-").gap(Gap::kSequence, kSequenceDigits);
  result.text(put_head(query, body.bytes()));
  append_body(result);
  return result;
}

Template InstanceTexts::batch_line() const {
  Template result;
  result.text(R"({"op":"register","service":"s-)").gap(Gap::kService, kServiceDigits);
  result.text(R"(","id":"i-)").gap(Gap::kSequence, kSequenceDigits).text("\",");
  append_data(result);
  result.text(R"(,"session":")").gap(Gap::kSession, kSessionBytes).text("\"}\n");
  return result;
}

Template InstanceTexts::canonical_text() const {
  Template result;
  result.text("i-").gap(Gap::kSequence, kSequenceDigits).text("\n");
  result.gap(Gap::kAddress, kAddressBytes).text("\n8080\n\n100\n");
  for (size_t i = 0; i < kNames.size(); ++i) {
    result.text("m\t").text(kNames[i]).text("\t").gap(Gap::kValue, value_bytes_[i]).text("\n");
  }
  return result;
}

std::string service_name(uint64_t service) {
  return fmt::format("s-{:0{}}", service, kServiceDigits);
}

std::string instance_id(uint64_t sequence) {
  return fmt::format("i-{:0{}}", sequence, kSequenceDigits);
}

uint64_t digest_part(std::string_view canonical_text) {
  return base::mix64(base::xxh64(canonical_text) + base::xxh64("up"));
}

std::string digest_text(uint64_t digest) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  // 64 bits are ten characters of 6 bits and one of the last 4, shifted up.
  std::string text;
  for (int shift = 58; shift >= 4; shift -= 6) text.push_back(kAlphabet[(digest >> shift) & 63]);
  text.push_back(kAlphabet[(digest << 2) & 63]);
  return text;
}

std::string request(std::string_view method, std::string_view target, std::string_view body) {
  if (body.empty() && method == "GET") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: callbook\r\n\r\n", target);
  }
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: callbook\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      method, target, body.size(), body);
}

}  // namespace callbook::load
