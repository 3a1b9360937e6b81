#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace callbook::base {

/// Appends one JSON document to a string, commas and escapes included. The caller keeps objects
/// and arrays balanced. Not thread-safe; borrows `out`.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(int64_t number);
  JsonWriter& value(uint64_t number);
  JsonWriter& value(int number) { return value(static_cast<int64_t>(number)); }
  JsonWriter& value(uint32_t number) { return value(static_cast<uint64_t>(number)); }
  JsonWriter& value(bool truth);
  /// Appends JSON that is well-formed in this place already.
  JsonWriter& raw(std::string_view json);

  template <typename T>
  JsonWriter& field(std::string_view name, T&& content) {
    return key(name).value(std::forward<T>(content));
  }

 private:
  void separate();

  std::string& out_;
  bool need_comma_ = false;
};

/// Appends `text` as a quoted JSON string. Bytes above 0x7F pass unchanged.
void append_json_string(std::string& out, std::string_view text);

}  // namespace callbook::base
