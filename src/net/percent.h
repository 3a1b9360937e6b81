#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace callbook::net {

/// Decodes %XX. With `plus_is_space`, '+' becomes a space (queries). Refuses broken escapes and
/// %00 with an error on `field`.
base::Result<std::string> percent_decode(std::string_view field, std::string_view text,
                                         bool plus_is_space);

/// Encodes everything but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);

/// Splits a path at '/' and decodes each segment after the split, so that "a%2Fb" stays one
/// segment. "/v1/services/a%2Fb" gives {"v1", "services", "a/b"}. Refuses paths that do not begin
/// with '/', hold an empty segment (but a single trailing '/'), or more than 16 segments.
base::Result<std::vector<std::string>> split_path(std::string_view path);

/// Splits a query into decoded name-value pairs, in order; at most 128 of them.
base::Result<std::vector<std::pair<std::string, std::string>>> split_query(std::string_view query);

}  // namespace callbook::net
