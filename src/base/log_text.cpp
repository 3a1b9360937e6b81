#include "base/log_text.h"

#include <algorithm>
#include <type_traits>

#include "base/utf8.h"

namespace callbook::base {
namespace {

constexpr std::string_view kEllipsis = "\u2026";
constexpr uint32_t kReplacement = 0xFFFD;

void append_code_unit(std::string& out, uint32_t unit) {
  fmt::format_to(std::back_inserter(out), "\\u{:04x}", unit);
}

/// REQUIRES a well-formed sequence of `length` bytes.
uint32_t code_point(std::string_view text, size_t at, size_t length) {
  const auto byte = [&](size_t i) { return uint32_t{static_cast<unsigned char>(text[at + i])}; };
  if (length == 1) return byte(0);
  uint32_t point = byte(0) & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) point = point << 6 | (byte(i) & 0x3F);
  return point;
}

/// Whether a terminal or a log reader might act on it instead of showing it (Unicode 15: control
/// characters, separators of lines, and the bidirectional and invisible format characters).
bool is_deceptive(uint32_t point) {
  if (point < 0x20 || (point >= 0x7F && point <= 0x9F)) return true;
  if (point < 0x61C) return point == 0xAD;                          // soft hyphen
  return point == 0x61C || (point >= 0x200B && point <= 0x200F) ||  // zero width, marks
         (point >= 0x2028 && point <= 0x202E) ||                    // separators, embeddings
         (point >= 0x2060 && point <= 0x206F) ||                    // invisible, isolates
         point == 0xFEFF || (point >= 0xFFF9 && point <= 0xFFFB) ||
         (point >= 0xE0000 && point <= 0xE007F);  // tags
}

void append_escaped_point(std::string& out, uint32_t point) {
  if (point < 0x10000) return append_code_unit(out, point);
  append_code_unit(out, 0xD800 + ((point - 0x10000) >> 10));
  append_code_unit(out, 0xDC00 + ((point - 0x10000) & 0x3FF));
}

/// `in_json`: quotes and backslashes too.
void append_escaped(std::string& out, std::string_view text, bool in_json) {
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c >= 0x20 && c < 0x7F) {
      if (in_json && (c == '"' || c == '\\')) out += '\\';
      out += c;
      ++at;
      continue;
    }
    const size_t length = utf8_sequence(text, at);
    const uint32_t point = length == 0 ? kReplacement : code_point(text, at, length);
    if (length == 0 || is_deceptive(point)) {
      append_escaped_point(out, point);
    } else {
      out.append(text, at, length);
    }
    at += std::max<size_t>(length, 1);
  }
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, true);
  out += '"';
}

void append_json_value(std::string& out, const LogField& field) {
  if (const auto* number = std::get_if<int64_t>(&field.value)) {
    fmt::format_to(std::back_inserter(out), "{}", *number);
  } else if (const auto* text = std::get_if<std::string>(&field.value)) {
    append_json_text(out, *text);
  } else {
    out += '[';
    const auto& texts = std::get<std::vector<std::string>>(field.value);
    for (size_t i = 0; i < texts.size(); ++i) {
      if (i > 0) out += ',';
      append_json_text(out, texts[i]);
    }
    out += ']';
  }
}

void append_head(std::string& out, std::string_view event, std::string_view message) {
  out += "\"event\":";
  append_json_text(out, event);
  out += ",\"message\":";
  append_json_text(out, message);
}

bool is_plain(char c) {
  const bool alphanumeric =
      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || std::string_view(".-_:@~+/%[],").find(c) != std::string_view::npos;
}

}  // namespace

void append_visible(std::string& out, std::string_view text) {
  append_escaped(out, text, false);
}

std::string clip_log_value(std::string_view text) {
  if (text.size() <= kMostValueBytes) return std::string(text);
  size_t end = kMostValueBytes - kEllipsis.size();
  // Not within a character, if it is one: at most three bytes back.
  for (int back = 0; back < 3 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80; ++back) {
    --end;
  }
  return std::string(text.substr(0, end)).append(kEllipsis);
}

void append_log_value(std::string& out, std::string_view text) {
  if (text.size() > kMostValueBytes) return append_log_value(out, clip_log_value(text));
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_json_members(std::string& out, const LogLine& line) {
  append_head(out, line.event, line.text);
  for (const LogField& field : line.fields) {
    out += ',';
    append_json_text(out, field.name);
    out += ':';
    append_json_value(out, field);
  }
}

void append_json_members(std::string& out, std::string_view message) {
  append_head(out, "message", message);
}

}  // namespace callbook::base
