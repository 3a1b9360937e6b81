// Paths and queries as peers send them: nothing crashes, and what decodes obeys the contract.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "net/percent.h"

using namespace callbook;

namespace {

void check_path(std::string_view text) {
  const auto segments = net::split_path(text);
  if (!segments.ok()) return;
  std::string again;
  for (const std::string& segment : *segments) {
    CALLBOOK_CHECK(!segment.empty() && segment.find('\0') == std::string::npos);
    again += "/" + net::percent_encode(segment);
  }
  const auto twice = net::split_path(again.empty() ? "/" : again);
  CALLBOOK_CHECK(twice.ok() && *twice == *segments);
}

void check_query(std::string_view text) {
  const auto parameters = net::split_query(text);
  if (!parameters.ok()) return;
  std::string again;
  for (const auto& [name, value] : *parameters) {
    again += net::percent_encode(name) + "=" + net::percent_encode(value) + "&";
  }
  const auto twice = net::split_query(again);
  CALLBOOK_CHECK(twice.ok() && *twice == *parameters);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_path(text.substr(0, text.find('\0')));
  check_query(text.substr(0, text.find('\0')));
  const auto decoded = net::percent_decode("text", text, true);
  CALLBOOK_CHECK(!decoded.ok() || decoded->size() <= text.size());
  CALLBOOK_CHECK(net::percent_decode("text", net::percent_encode(text), false).ok() ||
                 text.find('\0') != std::string_view::npos);
  return 0;
}
