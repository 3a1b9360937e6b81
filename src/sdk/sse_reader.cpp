#include "sdk/sse_reader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace callbook::sdk {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

base::Status SseReader::feed(std::string_view bytes,
                             const std::function<bool(const ServerEvent&)>& on_event) {
  while (!bytes.empty()) {
    if (std::exchange(skip_line_feed_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const size_t end = bytes.find_first_of("\r\n");
    const base::Status appended = append_to_line(bytes.substr(0, end));
    if (!appended.ok()) return appended;
    if (end == std::string_view::npos) break;
    skip_line_feed_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (!end_line(on_event)) break;
  }
  return {};
}

base::Status SseReader::append_to_line(std::string_view bytes) {
  if (line_.size() + data_.size() + bytes.size() > max_bytes_) {
    return base::over_limit(
        "event", fmt::format("an event of the stream is over the limit of {} bytes", max_bytes_),
        static_cast<int64_t>(max_bytes_));
  }
  line_.append(bytes);
  return {};
}

bool SseReader::end_line(const std::function<bool(const ServerEvent&)>& on_event) {
  std::string_view line = line_;
  if (std::exchange(at_start_, false) && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) {
    line_.clear();
    return dispatch(on_event);
  }
  const size_t colon = std::min(line.find(':'), line.size());
  std::string_view value = line.substr(std::min(colon + 1, line.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  take_field(line.substr(0, colon), value);  // an empty name: a comment
  line_.clear();
  return true;
}

void SseReader::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (has_data_) data_ += '\n';
    data_.append(value);
    has_data_ = true;
  } else if (name == "event") {
    name_ = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = value;
  }
}

bool SseReader::dispatch(const std::function<bool(const ServerEvent&)>& on_event) {
  const std::string name = std::exchange(name_, {});
  const std::string data = std::exchange(data_, {});
  if (!std::exchange(has_data_, false)) return true;
  return on_event({name.empty() ? std::string_view("message") : name, data, last_id_});
}

}  // namespace callbook::sdk
