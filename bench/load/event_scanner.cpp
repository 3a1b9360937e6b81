#include "load/event_scanner.h"

#include "load/fail.h"

namespace callbook::load {
namespace {

std::string_view field_value(std::string_view line, size_t name_bytes) {
  line.remove_prefix(name_bytes + 1);
  if (line.starts_with(' ')) line.remove_prefix(1);
  return line;
}

}  // namespace

std::string_view Event::text_of(std::string_view name) const {
  const size_t at = data.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = data.substr(at + name.size());
  if (!rest.starts_with('"')) return {};
  return rest.substr(1, rest.find('"', 1) - 1);
}

Event parse_event(std::string_view text) {
  Event event;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.starts_with("event:")) event.type = field_value(line, 5);
    if (line.starts_with("data:")) {
      if (!event.data.empty()) fail("an event with two data lines: {}", line.substr(0, 200));
      event.data = field_value(line, 4);
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return event;
}

std::string_view EventScanner::take(std::string_view& bytes) {
  constexpr std::string_view kEnd = "\n\n";
  if (partial_.empty()) {
    const size_t end = bytes.find(kEnd);
    if (end != std::string_view::npos) {
      const std::string_view text = bytes.substr(0, end + 1);
      bytes.remove_prefix(end + kEnd.size());
      return text;
    }
  }
  const size_t before = partial_.size();
  partial_.append(bytes);
  const size_t end = partial_.find(kEnd, before == 0 ? 0 : before - 1);
  if (end == std::string::npos) {
    bytes = {};
    return {};
  }
  bytes.remove_prefix(end + kEnd.size() - before);
  return std::string_view(partial_).substr(0, end + 1);
}

}  // namespace callbook::load
