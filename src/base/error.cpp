#include "base/error.h"

#include <fmt/format.h>

namespace callbook::base {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kLimit:
      return "limit_exceeded";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kSuperseded:
      return "superseded";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kNotReady:
      return "not_ready";
    case ErrorCode::kOverloaded:
      return "overloaded";
    case ErrorCode::kAppliedNotLogged:
      return "applied_not_logged";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kIo:
      return "io_error";
  }
  return "unknown";
}

std::string Error::to_string() const {
  if (field.empty()) return fmt::format("{}: {}", name_of(code), detail);
  return fmt::format("{}: {}: {}", name_of(code), field, detail);
}

Error invalid(std::string_view field, std::string detail) {
  return Error{ErrorCode::kInvalid, std::string(field), std::move(detail), std::nullopt};
}

Error over_limit(std::string_view field, std::string detail, int64_t limit) {
  return Error{ErrorCode::kLimit, std::string(field), std::move(detail), limit};
}

}  // namespace callbook::base
