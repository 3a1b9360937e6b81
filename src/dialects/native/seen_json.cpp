#include "dialects/native/seen_json.h"

namespace callbook::native {
namespace {

void append_names(base::JsonWriter& json, std::string_view field,
                  const std::vector<std::string>& names) {
  json.key(field).begin_array();
  for (const std::string& name : names) json.value(name);
  json.end_array();
}

void append_why(base::JsonWriter& json, const core::Seen& seen) {
  if (!seen.cannot_say.empty()) append_names(json, "cannot_say", seen.cannot_say);
  if (!seen.bus.empty()) json.field("bus", seen.bus);
}

}  // namespace

void append_heard(base::JsonWriter& json, const core::Seen& seen) {
  json.field("heard", seen.heard());
  append_names(json, "unheard", seen.unheard);
  append_why(json, seen);
}

void append_seen(base::JsonWriter& json, const core::Seen& seen) {
  json.field("seen", seen.all()).field("unseen", seen.unseen);
  if (seen.unreached > 0) json.field("unreached", seen.unreached);
  if (!seen.unheard.empty()) append_names(json, "unheard", seen.unheard);
  append_why(json, seen);
}

}  // namespace callbook::native
