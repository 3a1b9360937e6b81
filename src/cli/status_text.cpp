#include "cli/status_text.h"

#include <vector>

#include <simdjson.h>

#include "cli/list_text.h"

namespace callbook::cli {
namespace {

using simdjson::dom::element;
using Rows = std::vector<std::vector<std::string>>;

void add_rows(const std::string& name, element value, Rows& rows) {
  simdjson::dom::object fields;
  if (value.get(fields) == simdjson::SUCCESS) {
    for (const auto& field : fields) {
      const std::string inner(field.key);
      add_rows(name.empty() ? inner : name + "." + inner, field.value, rows);
    }
    return;
  }
  std::string_view text;
  const bool plain = value.get(text) == simdjson::SUCCESS;
  rows.push_back({name, plain ? std::string(text) : simdjson::minify(value)});
}

}  // namespace

base::Result<std::string> status_text(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(json.data(), json.size(), true).get(root) != simdjson::SUCCESS ||
      !root.is_object()) {
    return base::invalid("", "the registry sent no JSON object");
  }
  Rows rows;
  add_rows("", root, rows);
  return table_text(rows);
}

}  // namespace callbook::cli
