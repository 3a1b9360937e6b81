#include "cli/checks_text.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "cli/list_text.h"

namespace callbook::cli {
namespace {

using simdjson::dom::element;

/// A member as text; empty if it is missing.
std::string text_of(const element& check, std::string_view name) {
  std::string_view text;
  return check[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::string age_text(int64_t age_ms) {
  if (age_ms < 1'000) return fmt::format("{} ms", age_ms);
  if (age_ms < 120'000) return fmt::format("{} s", age_ms / 1'000);
  return fmt::format("{} min", age_ms / 60'000);
}

std::vector<std::string> row_of(const element& check) {
  int64_t age_ms = 0;
  const bool checked = check["checked_ms_ago"].get(age_ms) == simdjson::SUCCESS;
  return {text_of(check, "id"),
          text_of(check, "name"),
          text_of(check, "kind"),
          text_of(check, "target"),
          text_of(check, "status"),
          checked ? age_text(age_ms) : "-",
          checked ? text_of(check, "output") : fmt::format("(home {})", text_of(check, "home"))};
}

}  // namespace

base::Result<ChecksPage> read_checks_page(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  simdjson::dom::array checks;
  if (parser.parse(json.data(), json.size(), true).get(root) != simdjson::SUCCESS ||
      root["checks"].get(checks) != simdjson::SUCCESS) {
    return base::invalid("", "the registry sent no list of checks");
  }
  ChecksPage page;
  for (const element check : checks) {
    if (!check.is_object()) return base::invalid("checks", "holds what is no object");
    page.rows.push_back(row_of(check));
    page.documents.push_back(simdjson::minify(check));
  }
  page.next = text_of(root, "next");
  return page;
}

std::string checks_text(const ChecksPage& page) {
  std::vector<std::vector<std::string>> table = {
      {"INSTANCE", "CHECK", "KIND", "TARGET", "STATUS", "AGE", "OUTPUT"}};
  table.insert(table.end(), page.rows.begin(), page.rows.end());
  return table_text(table);
}

}  // namespace callbook::cli
