#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callbook::base {

/// What went wrong, in terms that a caller can act on. One value exists per reaction, not per
/// place.
enum class ErrorCode : uint8_t {
  kInvalid,           ///< the input breaks a rule; repeating it cannot help
  kLimit,             ///< the input is over a limit; `limit` says which number
  kNotFound,          ///< the thing named does not exist (any more)
  kSuperseded,        ///< another holder has taken this over; stop
  kConflict,          ///< the state forbids it now
  kNotReady,          ///< the node is still loading; try again
  kOverloaded,        ///< too much at once; try again later
  kAppliedNotLogged,  ///< it took effect, but is not known to be durable
  kCorrupt,           ///< stored bytes are damaged
  kIo,                ///< the environment failed: disk, network
};

/// Stable lower-case name of a code, as shown in problem documents and logs: "not_found".
std::string_view name_of(ErrorCode code);

/// An error that a person and a program can both use. Value type.
struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string field;             ///< the input's part at fault ("port"), or empty
  std::string detail;            ///< one sentence for people
  std::optional<int64_t> limit;  ///< the number that was broken, if a limit was

  /// "not_found: session: is not known"; for logs and terminals.
  std::string to_string() const;
};

Error invalid(std::string_view field, std::string detail);
Error over_limit(std::string_view field, std::string detail, int64_t limit);

}  // namespace callbook::base
