#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace callbook::cli {

/// A page of GET /v1/services/{service}/checks.
struct ChecksPage {
  std::vector<std::vector<std::string>> rows;  ///< INSTANCE CHECK KIND TARGET STATUS AGE OUTPUT
  std::vector<std::string> documents;          ///< the same checks, each as JSON
  std::string next;                            ///< behind which the next page begins; empty: none
};

/// kInvalid if it is none.
base::Result<ChecksPage> read_checks_page(std::string_view json);

/// Headings and rows as aligned columns.
std::string checks_text(const ChecksPage& page);

}  // namespace callbook::cli
