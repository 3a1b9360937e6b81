#include "cli/list_text.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::cli {
namespace {

/// Columns that a terminal shows of UTF-8, as far as counting code points tells.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string ports_text(const sdk::Instance& instance) {
  std::string text = instance.port == 0 ? "" : std::to_string(instance.port);
  for (const auto& [name, port] : instance.ports) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, port);
  }
  return text.empty() ? "-" : text;
}

std::string metadata_text(const sdk::Instance& instance) {
  std::string text;
  for (const auto& [name, value] : instance.metadata) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, value);
  }
  return text.empty() ? "-" : text;
}

}  // namespace

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string instances_text(const std::vector<sdk::Instance>& instances) {
  std::vector<std::vector<std::string>> rows = {
      {"ID", "ADDRESS", "PORT", "ZONE", "WEIGHT", "STATE", "METADATA"}};
  for (const sdk::Instance& instance : instances) {
    rows.push_back({instance.id, instance.address, ports_text(instance),
                    instance.zone.empty() ? "-" : instance.zone, std::to_string(instance.weight),
                    instance.state, metadata_text(instance)});
  }
  return table_text(rows);
}

std::string place_of(const sdk::Instance& instance) {
  const bool v6 = instance.address.find(':') != std::string::npos;
  std::string place = v6 ? "[" + instance.address + "]" : instance.address;
  if (instance.port != 0) place += fmt::format(":{}", instance.port);
  return place;
}

std::string instance_line(const sdk::Instance& instance) {
  std::string line = instance.id + " " + place_of(instance);
  for (const auto& [name, port] : instance.ports) line += fmt::format(" {}:{}", name, port);
  if (!instance.zone.empty()) line += fmt::format(" zone={}", instance.zone);
  if (instance.weight != sdk::kDefaultWeight) line += fmt::format(" weight={}", instance.weight);
  if (instance.state != sdk::kDefaultState) line += " " + instance.state;
  return line;
}

std::string emptiness_text(const std::string& service,
                           const std::optional<sdk::Emptiness>& emptiness) {
  if (!emptiness) return fmt::format("no instance of {}", service);
  if (emptiness->reason == "never_registered") {
    return fmt::format("{} has never been registered", service);
  }
  std::string causes;
  for (const auto& [cause, count] : emptiness->causes) {
    causes += fmt::format("{} {} {}", causes.empty() ? ":" : ",", count, cause);
  }
  if (emptiness->reason == "all_left") {
    return fmt::format("all instances of {} have left{}", service, causes);
  }
  return fmt::format("{} is empty ({}){}", service, emptiness->reason, causes);
}

void write_instance(base::JsonWriter& json, const sdk::Instance& instance) {
  json.begin_object().field("id", instance.id).field("address", instance.address);
  if (instance.port != 0) json.field("port", uint32_t{instance.port});
  if (!instance.ports.empty()) {
    json.key("ports").begin_object();
    for (const auto& [name, port] : instance.ports) json.field(name, uint32_t{port});
    json.end_object();
  }
  if (!instance.zone.empty()) json.field("zone", instance.zone);
  if (instance.weight != sdk::kDefaultWeight) json.field("weight", instance.weight);
  if (!instance.metadata.empty()) {
    json.key("metadata").begin_object();
    for (const auto& [name, value] : instance.metadata) json.field(name, value);
    json.end_object();
  }
  if (instance.state != sdk::kDefaultState) json.field("state", instance.state);
  json.end_object();
}

void write_emptiness(base::JsonWriter& json, const sdk::Emptiness& emptiness) {
  json.begin_object().field("reason", emptiness.reason);
  if (!emptiness.causes.empty()) {
    json.key("causes").begin_object();
    for (const auto& [cause, count] : emptiness.causes) json.field(cause, count);
    json.end_object();
  }
  json.end_object();
}

}  // namespace callbook::cli
