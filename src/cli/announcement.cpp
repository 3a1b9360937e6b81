#include "cli/announcement.h"

#include "base/check.h"
#include "sdk/answer_codec.h"

namespace callbook::cli {
namespace {

void append_lapse(base::JsonWriter& json, const Lapse& lapse) {
  json.key("lapse").begin_object();
  if (lapse.down_after_ms > 0) json.field("down_after_ms", lapse.down_after_ms);
  if (lapse.remove_after_ms > 0) json.field("remove_after_ms", lapse.remove_after_ms);
  if (!lapse.probe) json.field("probe", false);
  json.end_object();
}

}  // namespace

std::string encode_own(const sdk::Instance& instance, const Announcement& announcement,
                       bool first) {
  CALLBOOK_CHECK(!announcement.by_session());
  std::string body;
  base::JsonWriter json(body);
  json.begin_object();
  sdk::append_instance(json, instance);
  if (announcement.persistent) json.field("persistent", true);
  if (announcement.ttl_ms > 0) json.field("ttl_ms", announcement.ttl_ms);
  if (announcement.lapse) append_lapse(json, *announcement.lapse);
  if (!announcement.checks.empty()) {
    append_checks(json, announcement.checks, announcement.check_options);
  }
  if (announcement.shares_port) json.field("shares_port", true);
  if (first && !announcement.status.empty()) json.field("status", announcement.status);
  json.end_object();
  return body;
}

}  // namespace callbook::cli
