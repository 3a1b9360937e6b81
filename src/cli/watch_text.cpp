#include "cli/watch_text.h"

#include <fmt/format.h>

#include "cli/list_text.h"
#include "sdk/list_digest.h"

namespace callbook::cli {
namespace {

using Kind = sdk::Change::Kind;

char mark_of(Kind kind) {
  switch (kind) {
    case Kind::kCame:
      return '+';
    case Kind::kChanged:
      return '~';
    case Kind::kLeft:
      return '-';
  }
  return '?';
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kCame:
      return "came";
    case Kind::kChanged:
      return "changed";
    case Kind::kLeft:
      return "left";
  }
  return "unknown";
}

}  // namespace

std::string snapshot_text(const sdk::Directory& directory) {
  const sdk::InstanceList& list = directory.instances();
  if (list.empty()) {
    return fmt::format("= {}\n", emptiness_text(directory.service(), directory.emptiness()));
  }
  std::string text = fmt::format("= {}: {} instance{}\n", directory.service(), list.size(),
                                 list.size() == 1 ? "" : "s");
  for (const auto& held : list) text += fmt::format("  {}\n", instance_line(*held.instance));
  return text;
}

std::string changes_text(const sdk::Directory& directory, const std::vector<sdk::Change>& changes,
                         bool several) {
  std::string text;
  for (const sdk::Change& change : changes) {
    const bool left = change.kind == Kind::kLeft;
    text +=
        fmt::format("{} {}{} {}\n", mark_of(change.kind), several ? directory.service() + "/" : "",
                    left ? change.instance->id : instance_line(*change.instance),
                    change.cause.empty() ? "(while not connected)" : change.cause);
  }
  if (directory.instances().empty()) text += snapshot_text(directory);
  return text;
}

std::string snapshot_json(const sdk::Directory& directory) {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object().field("event", "snapshot").field("service", directory.service());
  json.field("digest", sdk::digest_text(directory.instances().digest()));
  json.key("instances").begin_array();
  for (const auto& held : directory.instances()) write_instance(json, *held.instance);
  json.end_array();
  if (directory.emptiness()) {
    json.key("empty");
    write_emptiness(json, *directory.emptiness());
  }
  json.end_object();
  return text + "\n";
}

std::string changes_json(const sdk::Directory& directory, const std::vector<sdk::Change>& changes) {
  std::string text;
  for (const sdk::Change& change : changes) {
    base::JsonWriter json(text);
    json.begin_object().field("event", name_of(change.kind)).field("service", directory.service());
    if (!change.cause.empty()) json.field("cause", change.cause);
    json.key("instance");
    write_instance(json, *change.instance);
    json.end_object();
    text += '\n';
  }
  return text;
}

}  // namespace callbook::cli
