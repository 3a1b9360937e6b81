#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace callbook::native {

/// The parameters of a request's query. Each that a route understands is taken; what is left over
/// is refused, so that a misspelt filter never silently matches everything.
class Query {
 public:
  static base::Result<Query> parse(std::string_view text);

  /// The value of `name`, which may come once. Errors: it comes twice.
  base::Result<std::optional<std::string>> take(std::string_view name);
  bool has(std::string_view name) const;
  /// The first value of `name`, before it is taken; empty if there is none.
  std::string first(std::string_view name) const;
  /// All values of `name`, in order.
  std::vector<std::string> take_all(std::string_view name);
  /// All parameters whose name begins with `prefix`, without it.
  std::vector<std::pair<std::string, std::string>> take_prefixed(std::string_view prefix);
  /// An error naming the first parameter that nobody took.
  base::Status finish() const;

 private:
  struct Parameter {
    std::string name;
    std::string value;
    bool taken = false;
  };
  std::vector<Parameter> parameters_;
};

/// Reads "500ms", "30s", "2m" or "1h" as milliseconds, at most `most_ms`.
base::Result<int64_t> parse_duration_ms(std::string_view field, std::string_view text,
                                        int64_t most_ms);

/// Reads a decimal number from 1 to `most`.
base::Result<uint64_t> parse_count(std::string_view field, std::string_view text, uint64_t most);

}  // namespace callbook::native
