#include "dialects/native/json_fields.h"

namespace callbook::native {

using base::Error;
using base::Status;

Error malformed(simdjson::error_code code) {
  return base::invalid("body", fmt::format("is not valid JSON: {}", simdjson::error_message(code)));
}

Status read_string(std::string_view field, ondemand::value value, std::string_view& out) {
  ondemand::json_type type;
  if (auto code = value.type().get(type)) return malformed(code);
  if (type != ondemand::json_type::string) return base::invalid(field, "must be a string");
  if (auto code = value.get_string().get(out)) return malformed(code);
  return {};
}

Status read_integer(std::string_view field, ondemand::value value, int64_t least, int64_t most,
                    int64_t& out) {
  ondemand::json_type type;
  if (auto code = value.type().get(type)) return malformed(code);
  if (type != ondemand::json_type::number) return base::invalid(field, "must be a number");
  const auto code = value.get_int64().get(out);
  if (code == simdjson::INCORRECT_TYPE || code == simdjson::NUMBER_OUT_OF_RANGE ||
      code == simdjson::NUMBER_ERROR) {
    return base::invalid(field, fmt::format("must be a whole number from {} to {}", least, most));
  }
  if (code != simdjson::SUCCESS) return malformed(code);
  if (out < least || out > most) {
    return base::over_limit(field, fmt::format("is {}; it must be from {} to {}", out, least, most),
                            out < least ? least : most);
  }
  return {};
}

Status read_bool(std::string_view field, ondemand::value value, bool& out) {
  if (value.get_bool().get(out) != simdjson::SUCCESS) {
    return base::invalid(field, "must be true or false");
  }
  return {};
}

Status read_true(std::string_view field, ondemand::value value) {
  bool truth = false;
  if (value.get_bool().get(truth) != simdjson::SUCCESS || !truth) {
    return base::invalid(field, "must be true where it is given");
  }
  return {};
}

}  // namespace callbook::native
