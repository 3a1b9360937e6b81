#include "cli/status_text.h"

#include <utility>
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

/// A member of a node, as a person reads it.
std::string cell(const element& node, std::string_view name) {
  element value;
  if (node[name].get(value) != simdjson::SUCCESS) return "-";
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(value);
}

std::string bus_line(const element& root) {
  const element bus = root["bus"];
  std::string line = "bus: " + cell(bus, "state");
  if (const std::string detail = cell(bus, "detail"); detail != "-") line += " (" + detail + ")";
  return line + "\n";
}

}  // namespace

base::Result<std::string> nodes_text(std::string_view json) {
  static constexpr std::pair<std::string_view, std::string_view> kColumns[] = {
      {"NODE", "node"},       {"HTTP", "http"},         {"STATE", "state"},
      {"LAG", "lag"},         {"OUTBOX", "outbox"},     {"DIGEST", "digest"},
      {"CLIENTS", "clients"}, {"SESSIONS", "sessions"}, {"INSTANCES", "instances"},
      {"VERSION", "version"}};
  simdjson::dom::parser parser;
  element root;
  simdjson::dom::array nodes;
  element bus;
  if (parser.parse(json.data(), json.size(), true).get(root) != simdjson::SUCCESS ||
      root["nodes"].get(nodes) != simdjson::SUCCESS || root["bus"].get(bus) != simdjson::SUCCESS ||
      !bus.is_object()) {
    return base::invalid("", "the registry sent no list of nodes");
  }
  Rows rows(1);
  for (const auto& [heading, name] : kColumns) rows[0].emplace_back(heading);
  for (const element node : nodes) {
    if (!node.is_object()) return base::invalid("nodes", "holds what is no node");
    std::vector<std::string>& row = rows.emplace_back();
    for (const auto& [heading, name] : kColumns) row.push_back(cell(node, name));
  }
  return table_text(rows) + bus_line(root);
}

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
