#include "dialects/native/json_output.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/cause.h"

namespace callbook::native {
namespace {

constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kDigestChars = 11;  // 64 bits and 2 bits of zero

}  // namespace

std::string digest_text(uint64_t digest) {
  std::string text(kDigestChars, '\0');
  text[10] = kBase64Url[(digest << 2) & 63];
  digest >>= 4;
  for (size_t i = 10; i-- > 0; digest >>= 6) text[i] = kBase64Url[digest & 63];
  return text;
}

std::optional<uint64_t> digest_from(std::string_view text) {
  if (text.size() != kDigestChars) return std::nullopt;
  uint64_t digest = 0;
  for (size_t i = 0; i < kDigestChars; ++i) {
    const size_t value = kBase64Url.find(text[i]);
    if (value == std::string_view::npos) return std::nullopt;
    if (i == 10) {
      if ((value & 3) != 0) return std::nullopt;
      digest = digest << 4 | value >> 2;
    } else {
      digest = digest << 6 | value;
    }
  }
  return digest;
}

void append_instance_members(base::JsonWriter& json, const core::ListEntry& entry,
                             const core::Interner& interner) {
  const core::Instance& instance = entry.instance();
  const core::PackedBody body(instance.packed(), interner);
  json.field("address", instance.address());
  if (instance.port() != 0) json.field("port", uint32_t{instance.port()});
  if (body.has_ports()) {
    json.key("ports").begin_object();
    body.for_each_port(
        [&](std::string_view name, uint16_t port) { json.field(name, uint32_t{port}); });
    json.end_object();
  }
  if (!body.zone().empty()) json.field("zone", body.zone());
  if (instance.weight() != core::kDefaultWeight) json.field("weight", instance.weight());
  if (entry.state() != core::InstanceState::kUp) json.field("state", name_of(entry.state()));
  if (body.has_metadata()) {
    json.key("metadata").begin_object();
    body.for_each_metadata(
        [&](std::string_view name, std::string_view value) { json.field(name, value); });
    json.end_object();
  }
}

void append_override(base::JsonWriter& json, const core::ServiceView& view, std::string_view id) {
  if (!view.overrides) return;
  const auto found = view.overrides->find(id);
  if (found == view.overrides->end() || !found->second.set) return;
  const core::Override& said = found->second;
  json.key("override").begin_object();
  if (said.weight) json.field("weight", *said.weight);
  if (said.exclusion) {
    json.field("action", name_of(said.exclusion->action));
  } else if (said.out_of_service) {
    json.field("state", name_of(core::InstanceState::kOutOfService));
  }
  json.field("by", said.by);
  if (!said.reason.empty()) json.field("reason", said.reason);
  json.end_object();
}

void append_status(base::JsonWriter& json, const core::ServiceView& view, std::string_view id) {
  if (!view.statuses) return;
  const auto found = view.statuses->find(id);
  if (found == view.statuses->end()) return;
  json.key("status").begin_object().field("status", name_of(found->second.state));
  if (!found->second.text.empty()) json.field("text", found->second.text);
  json.end_object();
}

void append_excluded(base::JsonWriter& json, const core::ServiceView& view) {
  if (view.overrides == nullptr) return;
  bool any = false;
  for (const auto& [id, said] : *view.overrides) {
    if (!said.exclusion || view.list.find(id) != nullptr) continue;
    if (!std::exchange(any, true)) json.key("excluded").begin_array();
    json.begin_object().field("id", id).field("action", name_of(said.exclusion->action));
    json.field("by", said.by);
    if (!said.reason.empty()) json.field("reason", said.reason);
    json.field("since_ms", said.said_wall_ms).end_object();
  }
  if (any) json.end_array();
}

void append_largest(base::JsonWriter& json, const core::ServiceView& view) {
  if (view.standing.largest > view.list.size()) json.field("largest", view.standing.largest);
}

void append_service_key(base::JsonWriter& json, const core::ServiceKey& key) {
  json.field("service", key.name);
  if (key.space != core::kDefaultNamespace) json.field("namespace", key.space);
}

void append_empty(base::JsonWriter& json, const core::ServiceView* view) {
  json.key("empty").begin_object();
  const auto some = [](uint32_t count) { return count > 0; };
  if (view == nullptr || std::none_of(view->departures.begin(), view->departures.end(), some)) {
    json.field("reason", "never_registered");
  } else {
    json.field("reason", "all_left").key("causes").begin_object();
    for (uint8_t cause = 0; cause < core::kCauseCount; ++cause) {
      const uint32_t count = view->departures[cause];
      if (count > 0) json.field(name_of(static_cast<core::Cause>(cause)), count);
    }
    json.end_object();
  }
  json.end_object();
}

bool InstanceFilter::matches(const core::ListEntry& entry, const core::Interner& interner) const {
  if (state && *state != name_of(entry.state())) return false;
  const core::PackedBody body(entry.instance().packed(), interner);
  if (zone && *zone != body.zone()) return false;
  size_t met = 0;
  if (!metadata.empty()) {
    body.for_each_metadata([&](std::string_view name, std::string_view value) {
      for (const auto& [wanted_name, wanted_value] : metadata) {
        if (name == wanted_name && value == wanted_value) ++met;
      }
    });
  }
  return met == metadata.size();
}

std::string nodes_event(std::string_view event, const std::vector<std::string>& other_nodes) {
  std::string data;
  base::JsonWriter json(data);
  json.begin_object().key("nodes").begin_array();
  for (const std::string& node : other_nodes) json.value(node);
  json.end_array().end_object();
  return fmt::format("event:{}\ndata:{}\n\n", event, data);
}

void append_origin(base::JsonWriter& json, const Origin& origin) {
  if (origin.datacenter.empty()) return;
  json.field("dc", origin.datacenter)
      .field("silent_ms", origin.silent_ms)
      .field("stale", origin.stale);
}

std::string origin_event(const Origin& origin) {
  std::string out = "event:dc\ndata:";
  base::JsonWriter json(out);
  json.begin_object();
  append_origin(json, origin);
  json.end_object();
  out += "\n\n";
  return out;
}

std::string snapshot_json(const core::ServiceKey& key, const core::ServiceView* view,
                          const InstanceFilter& filter, const Origin& origin) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_object();
  append_service_key(json, key);
  append_origin(json, origin);
  json.field("version", view == nullptr ? uint64_t{0} : view->version);
  json.field("digest", digest_text(view == nullptr ? 0 : view->digest));
  if (view != nullptr) append_largest(json, *view);
  if (view == nullptr || view->list.empty()) {
    append_empty(json, view);
    json.key("instances").begin_array().end_array();
  } else {
    json.key("instances").begin_array();
    view->list.for_each([&](const core::ListEntry& entry) {
      if (!filter.empty() && !filter.matches(entry, *view->interner)) return;
      json.begin_object().field("id", entry.id());
      append_instance_members(json, entry, *view->interner);
      append_override(json, *view, entry.id());
      append_status(json, *view, entry.id());
      json.end_object();
    });
    json.end_array();
  }
  if (view != nullptr) append_excluded(json, *view);
  json.end_object();
  out += '\n';
  return out;
}

}  // namespace callbook::native
