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

/// Of a list of objects under `columns`: the headings, and a row for each.
base::Result<Rows> rows_of(
    simdjson::dom::array list, std::string_view name,
    std::initializer_list<std::pair<std::string_view, std::string_view>> columns) {
  Rows rows(1);
  for (const auto& [heading, member] : columns) rows[0].emplace_back(heading);
  for (const element one : list) {
    if (!one.is_object()) return base::invalid(name, "holds what is no object");
    std::vector<std::string>& row = rows.emplace_back();
    for (const auto& [heading, member] : columns) row.push_back(cell(one, member));
  }
  return rows;
}

std::string bus_line(const element& root) {
  const element bus = root["bus"];
  std::string line = "bus: " + cell(bus, "state");
  if (const std::string detail = cell(bus, "detail"); detail != "-") line += " (" + detail + ")";
  return line + "\n";
}

}  // namespace

base::Result<std::string> nodes_text(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  simdjson::dom::array nodes;
  element bus;
  if (parser.parse(json.data(), json.size(), true).get(root) != simdjson::SUCCESS ||
      root["nodes"].get(nodes) != simdjson::SUCCESS || root["bus"].get(bus) != simdjson::SUCCESS ||
      !bus.is_object()) {
    return base::invalid("", "the registry sent no list of nodes");
  }
  const auto rows = rows_of(nodes, "nodes",
                            {{"NODE", "node"},
                             {"HTTP", "http"},
                             {"STATE", "state"},
                             {"LAG", "lag"},
                             {"OUTBOX", "outbox"},
                             {"DIGEST", "digest"},
                             {"CLIENTS", "clients"},
                             {"SESSIONS", "sessions"},
                             {"INSTANCES", "instances"},
                             {"VERSION", "version"}});
  if (!rows.ok()) return rows.error();
  const std::string text = table_text(*rows) + bus_line(root);
  simdjson::dom::array followed;
  const bool follows = root["datacenters"].get(followed) == simdjson::SUCCESS;
  if (!follows || followed.begin() == followed.end()) return text;
  const auto others = rows_of(followed, "datacenters",
                              {{"DATACENTER", "dc"},
                               {"STATE", "state"},
                               {"SILENT_MS", "silent_ms"},
                               {"SERVICES", "services"},
                               {"INSTANCES", "instances"},
                               {"FROM", "source"}});
  if (!others.ok()) return others.error();
  return text + "\n" + table_text(*others);
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
