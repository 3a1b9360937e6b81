#include "net/response_head.h"

#include "net/ascii.h"

namespace callbook::net {
namespace {

constexpr std::string_view kVersion = "HTTP/1.";
constexpr int kSwitchingProtocols = 101;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

ResponseHead::State ResponseHead::take(std::string_view bytes) {
  for (const char c : bytes) {
    if (at_ == At::kEnd || at_ == At::kNowhere) break;
    at_ = after(c);
  }
  if (at_ == At::kEnd) return State::kWhole;
  return at_ == At::kNowhere ? State::kNoHttp1 : State::kOpen;
}

ResponseHead::At ResponseHead::after(char c) {
  switch (at_) {
    case At::kVersion:
      return after_version(c);
    case At::kStatus:
      return after_status(c);
    case At::kReason:
    case At::kFieldValue:
      if (is_field_text_char(c)) return at_;
      if (c == '\r') return At::kLineFeed;
      return c == '\n' ? At::kFieldStart : At::kNowhere;
    case At::kLineFeed:
      return c == '\n' ? At::kFieldStart : At::kNowhere;
    case At::kFieldStart:
      return at_field_start(c);
    case At::kFieldName:
      if (is_token_char(c)) return at_;
      return c == ':' ? At::kFieldValue : At::kNowhere;
    case At::kLastLineFeed:
      return c == '\n' ? end_of_head() : At::kNowhere;
    case At::kEnd:
    case At::kNowhere:
      break;
  }
  return at_;
}

ResponseHead::At ResponseHead::after_version(char c) {
  const size_t index = index_++;
  if (index < kVersion.size()) return c == kVersion[index] ? At::kVersion : At::kNowhere;
  if (index == kVersion.size()) return is_digit(c) ? At::kVersion : At::kNowhere;
  index_ = 0;
  return c == ' ' ? At::kStatus : At::kNowhere;
}

ResponseHead::At ResponseHead::after_status(char c) {
  if (index_++ < 3) {
    status_ = status_ * 10 + (c - '0');
    return is_digit(c) ? At::kStatus : At::kNowhere;
  }
  // The reason may be left out, and in practice so is the space before it.
  if (c == ' ') return At::kReason;
  if (c == '\r') return At::kLineFeed;
  return c == '\n' ? At::kFieldStart : At::kNowhere;
}

ResponseHead::At ResponseHead::at_field_start(char c) {
  if (c == '\r') return At::kLastLineFeed;
  if (c == '\n') return end_of_head();
  const bool continues = c == ' ' || c == '\t';  // the field of the line before (RFC 9112, 5.2)
  if (continues && has_field_) return At::kFieldValue;
  has_field_ = true;
  return is_token_char(c) ? At::kFieldName : At::kNowhere;
}

ResponseHead::At ResponseHead::end_of_head() {
  const bool interim = status_ / 100 == 1 && status_ != kSwitchingProtocols;
  if (!interim) return At::kEnd;
  *this = ResponseHead();
  return At::kVersion;
}

}  // namespace callbook::net
