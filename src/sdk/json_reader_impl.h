#pragma once

// Private to sdk's .cpp files: includes simdjson.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/result.h"

namespace callbook::sdk {

/// Reads the fields of one JSON object. Absent fields leave the target as it is; after the first
/// malformed one everything is left as it is: read all, then ask status() once.
class ObjectReader {
 public:
  using Element = simdjson::dom::element;
  using Object = simdjson::dom::object;

  ObjectReader(Object object, base::Status& status) : object_(object), status_(status) {}

  bool has(std::string_view name) const { return find(name).has_value(); }

  std::optional<Element> find(std::string_view name) const {
    Element element;
    if (object_[name].get(element) != simdjson::SUCCESS || element.is_null()) return std::nullopt;
    return element;
  }

  void read(std::string_view name, std::string& out) const {
    const auto element = find(name);
    if (!element) return;
    std::string_view text;
    if (element->get(text) != simdjson::SUCCESS) return fail(name, "is no text");
    out = text;
  }

  void read(std::string_view name, bool& out) const {
    const auto element = find(name);
    if (element && element->get(out) != simdjson::SUCCESS) fail(name, "is neither true nor false");
  }

  template <typename Number>
  void read_number(std::string_view name, Number& out) const {
    if (const auto element = find(name)) take_number(name, *element, out);
  }

  /// Calls `take(name, element)` for each field of the object called `name`, if there is one.
  template <typename Take>
  void each_field(std::string_view name, Take take) const {
    const auto element = find(name);
    if (!element) return;
    Object fields;
    if (element->get(fields) != simdjson::SUCCESS) return fail(name, "is no object");
    for (const auto& field : fields) take(field.key, field.value);
  }

  /// Calls `take(element)` for each item of the array called `name`, if there is one.
  template <typename Take>
  void each_item(std::string_view name, Take take) const {
    const auto element = find(name);
    if (!element) return;
    simdjson::dom::array items;
    if (element->get(items) != simdjson::SUCCESS) return fail(name, "is no array");
    for (const Element item : items) take(item);
  }

  template <typename Number>
  void take_number(std::string_view name, Element element, Number& out) const {
    using Wide = std::conditional_t<std::is_signed_v<Number>, int64_t, uint64_t>;
    Wide wide = 0;
    if (element.get(wide) != simdjson::SUCCESS || wide > std::numeric_limits<Number>::max() ||
        wide < std::numeric_limits<Number>::min()) {
      return fail(name, "is no number in range");
    }
    out = static_cast<Number>(wide);
  }

  void take_text(std::string_view name, Element element, std::string& out) const {
    std::string_view text;
    if (element.get(text) != simdjson::SUCCESS) return fail(name, "is no text");
    out = text;
  }

  void fail(std::string_view name, std::string_view what) const {
    if (status_.ok())
      status_ = base::invalid(name, fmt::format("the registry's {} {}", name, what));
  }
  void check(const base::Status& status) const {
    if (status_.ok() && !status.ok()) status_ = status;
  }

  /// A reader of the object `element`, sharing this one's status; nothing if it is no object.
  std::optional<ObjectReader> nested(std::string_view name, Element element) const {
    return nested(name, element, status_);
  }
  /// The same with a status of its own, so that what is wrong in there concerns nothing else.
  static std::optional<ObjectReader> nested(std::string_view name, Element element,
                                            base::Status& status) {
    Object object;
    if (element.get(object) == simdjson::SUCCESS) return ObjectReader(object, status);
    status = base::invalid(name, fmt::format("the registry's {} is no object", name));
    return std::nullopt;
  }

 private:
  Object object_;
  base::Status& status_;
};

/// Parses `json`, which must be an object, and lets `read(reader)` take what it wants of it.
template <typename Read>
base::Status read_object(std::string_view json, Read read) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  const auto error = parser.parse(json.data(), json.size(), true).get(object);
  if (error != simdjson::SUCCESS) {
    return base::invalid(
        "", fmt::format("the registry sent no JSON object: {}", simdjson::error_message(error)));
  }
  base::Status status;
  read(ObjectReader(object, status));
  return status;
}

}  // namespace callbook::sdk
