#include "load/response_scanner.h"

#include <charconv>
#include <optional>

#include "load/fail.h"
#include <strings.h>

namespace callbook::load {
namespace {

constexpr size_t kMaxHeadBytes = 64 * 1024;

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

size_t to_number(std::string_view text, int base) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end == text.data()) fail("bad number in a response: '{}'", text);
  return value;
}

}  // namespace

bool ResponseScanner::take_head(std::string_view& bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  if (carry_.empty()) {
    const size_t end = bytes.find(kEnd);
    if (end != std::string_view::npos) {
      parse_head(bytes.substr(0, end));
      bytes.remove_prefix(end + kEnd.size());
      return true;
    }
  }
  const size_t before = carry_.size();
  carry_.append(bytes);
  const size_t end = carry_.find(kEnd, before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    if (carry_.size() > kMaxHeadBytes) fail("the head of a response does not end");
    bytes = {};
    return false;
  }
  const std::string head = carry_.substr(0, end);
  carry_.clear();
  parse_head(head);
  bytes.remove_prefix(end + kEnd.size() - before);
  return true;
}

void ResponseScanner::parse_head(std::string_view head) {
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) fail("not a response: '{}'", head);
  status_ = static_cast<int>(to_number(head.substr(9, 3), 10));
  std::optional<size_t> length;
  bool chunked = false;
  for (size_t at = head.find("\r\n"); at != std::string_view::npos;) {
    const size_t next = head.find("\r\n", at + 2);
    const std::string_view line = head.substr(at + 2, next == head.npos ? next : next - at - 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) fail("bad header line: '{}'", line);
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (equals_ignoring_case(name, "Content-Length")) length = to_number(value, 10);
    if (equals_ignoring_case(name, "Transfer-Encoding")) {
      chunked = equals_ignoring_case(value, "chunked");
    }
    at = next;
  }
  const bool bodiless = status_ == 204 || status_ == 304;
  if (!bodiless && !chunked && !length) fail("a response without a length: '{}'", head);
  left_ = chunked || bodiless ? 0 : *length;
  state_ = chunked ? State::kChunkSize : left_ > 0 ? State::kSized : State::kHead;
}

bool ResponseScanner::take_line(std::string_view& bytes) {
  const size_t end = bytes.find('\n');
  carry_.append(bytes.substr(0, end));
  if (end == std::string_view::npos) {
    if (carry_.size() > kMaxHeadBytes) fail("a line of a chunked response does not end");
    bytes = {};
    return false;
  }
  bytes.remove_prefix(end + 1);
  if (carry_.ends_with('\r')) carry_.pop_back();
  line_.swap(carry_);
  carry_.clear();
  return true;
}

void ResponseScanner::take_chunk_size(std::string_view& bytes) {
  if (!take_line(bytes)) return;
  left_ = to_number(line_, 16);
  state_ = left_ > 0 ? State::kChunk : State::kTrailer;
}

bool ResponseScanner::take_trailer(std::string_view& bytes) {
  if (!take_line(bytes) || !line_.empty()) return false;
  state_ = State::kHead;
  return true;
}

bool ResponseScanner::end_of_part() {
  const bool sized = state_ == State::kSized;
  state_ = sized ? State::kHead : State::kChunkEnd;
  return sized;
}

}  // namespace callbook::load
