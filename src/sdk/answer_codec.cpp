#include "sdk/answer_codec.h"

#include <utility>

#include "sdk/json_reader_impl.h"
#include "sdk/list_digest.h"

namespace callbook::sdk {
namespace {

using base::ErrorCode;
using Element = ObjectReader::Element;

/// Turns a status and what was read into one result.
template <typename T>
base::Result<T> result_of(const base::Status& status, T&& value) {
  if (!status.ok()) return status.error();
  return std::forward<T>(value);
}

ErrorCode code_of_status(int status) {
  switch (status) {
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 413:
    case 422:
    case 431:
      return ErrorCode::kLimit;
    case 429:
      return ErrorCode::kOverloaded;
    default:
      break;
  }
  return status >= 500 ? ErrorCode::kOverloaded : ErrorCode::kInvalid;
}

ErrorCode code_of(std::string_view title, int status) {
  for (const ErrorCode code : {ErrorCode::kInvalid, ErrorCode::kLimit, ErrorCode::kNotFound,
                               ErrorCode::kSuperseded, ErrorCode::kConflict, ErrorCode::kNotReady,
                               ErrorCode::kOverloaded, ErrorCode::kAppliedNotLogged}) {
    if (title == base::name_of(code)) return code;
  }
  return code_of_status(status);
}

}  // namespace

base::Result<SessionGrant> decode_session(std::string_view json) {
  SessionGrant grant;
  const base::Status status = read_object(json, [&grant](const ObjectReader& reader) {
    reader.read("session", grant.id);
    reader.read_number("ttl_ms", grant.ttl_ms);
    reader.read_number("heartbeat_ms", grant.heartbeat_ms);
    reader.read_number("epoch", grant.epoch);
    reader.read("speaks", grant.speaks);
    reader.each_item("nodes", [&](Element node) {
      reader.take_text("nodes", node, grant.nodes.emplace_back());
    });
    if (grant.id.empty()) reader.fail("session", "is missing");
    if (grant.heartbeat_ms < 1) reader.fail("heartbeat_ms", "is missing");
  });
  return result_of(status, std::move(grant));
}

base::Result<std::vector<std::string>> decode_leaving(std::string_view json) {
  std::vector<std::string> nodes;
  const base::Status status = read_object(json, [&nodes](const ObjectReader& reader) {
    reader.each_item("nodes",
                     [&](Element node) { reader.take_text("nodes", node, nodes.emplace_back()); });
  });
  return result_of(status, std::move(nodes));
}

base::Result<WithdrawalEvent> decode_withdrawal(std::string_view json) {
  WithdrawalEvent event;
  const base::Status status = read_object(json, [&event](const ObjectReader& reader) {
    reader.read("service", event.service);
    reader.read("namespace", event.name_space);
    reader.read("id", event.id);
    reader.read("action", event.withdrawal.action);
    reader.read("by", event.withdrawal.by);
    reader.read("reason", event.withdrawal.reason);
  });
  return result_of(status, std::move(event));
}

base::Result<RegistrationAnswer> decode_registration(std::string_view json) {
  RegistrationAnswer answer;
  const base::Status status = read_object(json, [&answer](const ObjectReader& reader) {
    reader.read("result", answer.result);
    reader.read_number("version", answer.version);
  });
  return result_of(status, std::move(answer));
}

namespace {

void read_origin(const ObjectReader& reader, Origin& origin) {
  reader.read("dc", origin.datacenter);
  reader.read_number("silent_ms", origin.silent_ms);
  reader.read("stale", origin.stale);
}

}  // namespace

base::Result<Origin> decode_origin(std::string_view json) {
  Origin origin;
  const base::Status status =
      read_object(json, [&](const ObjectReader& reader) { read_origin(reader, origin); });
  return result_of(status, std::move(origin));
}

base::Result<ServicePage> decode_services(std::string_view json) {
  ServicePage page;
  const base::Status status = read_object(json, [&page](const ObjectReader& reader) {
    read_origin(reader, page.origin);
    reader.each_item("services", [&](Element element) {
      const auto fields = reader.nested("services", element);
      if (!fields) return;
      ServiceSummary& summary = page.services.emplace_back();
      fields->read("service", summary.service);
      fields->read_number("instances", summary.instances);
      fields->read_number("version", summary.version);
    });
    reader.read("next", page.next);
  });
  return result_of(status, std::move(page));
}

namespace {

void read_names(const ObjectReader& reader, std::string_view field,
                std::vector<std::string>& names) {
  reader.each_item(field,
                   [&](Element item) { reader.take_text(field, item, names.emplace_back()); });
}

void read_nodes(const ObjectReader& reader, NodesBehind& nodes) {
  read_names(reader, "unheard", nodes.unheard);
  read_names(reader, "cannot_say", nodes.cannot_say);
  reader.read("bus", nodes.bus);
}

}  // namespace

base::Result<ChangeAnswer> decode_change(std::string_view json) {
  ChangeAnswer answer;
  const base::Status status = read_object(json, [&answer](const ObjectReader& reader) {
    reader.read_number("version", answer.version);
    read_nodes(reader, answer.nodes);
  });
  return result_of(status, std::move(answer));
}

base::Result<RemovalAnswer> decode_removal(std::string_view json) {
  RemovalAnswer answer;
  const base::Status status = read_object(json, [&answer](const ObjectReader& reader) {
    reader.read_number("version", answer.version);
    reader.read_number("unseen", answer.unseen);
    reader.read_number("unreached", answer.unreached);
    read_nodes(reader, answer.nodes);
  });
  return result_of(status, std::move(answer));
}

base::Result<uint64_t> decode_number(std::string_view json, std::string_view field) {
  uint64_t number = 0;
  const base::Status status =
      read_object(json, [&](const ObjectReader& reader) { reader.read_number(field, number); });
  return result_of(status, uint64_t{number});
}

base::Error decode_problem(int http_status, std::string_view body) {
  base::Error error;
  std::string title;
  const base::Status status = read_object(body, [&](const ObjectReader& reader) {
    reader.read("title", title);
    reader.read("field", error.field);
    reader.read("detail", error.detail);
    int64_t limit = 0;
    reader.read_number("limit", limit);
    if (reader.has("limit")) error.limit = limit;
  });
  if (!status.ok() || title.empty()) {
    return {
        code_of_status(http_status), {}, fmt::format("the answer was HTTP {}", http_status), {}};
  }
  error.code = code_of(title, http_status);
  if (error.detail.empty()) error.detail = title;
  return error;
}

void append_instance(base::JsonWriter& json, const Instance& instance) {
  json.field("address", instance.address);
  if (instance.port != 0) json.field("port", uint32_t{instance.port});
  if (!instance.ports.empty()) {
    json.key("ports").begin_object();
    for (const auto& [name, port] : instance.ports) json.field(name, uint32_t{port});
    json.end_object();
  }
  if (!instance.zone.empty()) json.field("zone", instance.zone);
  if (instance.weight != kDefaultWeight) json.field("weight", instance.weight);
  if (!instance.metadata.empty()) {
    json.key("metadata").begin_object();
    for (const auto& [name, value] : instance.metadata) json.field(name, value);
    json.end_object();
  }
}

std::string encode_registration(const Instance& instance, std::string_view session, Status status,
                                bool shares_port) {
  std::string body;
  base::JsonWriter json(body);
  json.begin_object();
  append_instance(json, instance);
  if (status != Status::kUp) json.field("status", name_of(status));
  if (shares_port) json.field("shares_port", true);
  json.field("session", session).end_object();
  return body;
}

std::string encode_status(const ProviderStatus& status) {
  std::string body;
  base::JsonWriter json(body);
  json.begin_object().field("status", name_of(status.status));
  if (!status.text.empty()) json.field("text", status.text);
  json.end_object();
  return body;
}

std::string encode_session(const SessionWish& wish) {
  std::string body;
  base::JsonWriter json(body);
  json.begin_object();
  if (wish.ttl_ms > 0) json.field("ttl_ms", wish.ttl_ms);
  if (!wish.client.empty()) json.field("client", wish.client);
  if (wish.speaks) json.field("speaks", true);
  if (!wish.process.empty()) json.field("process", wish.process);
  json.end_object();
  return body;
}

std::string encode_resumption(std::string_view session, uint32_t epoch, bool speaks) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_object().field("resume", session);
  if (epoch != 0) json.field("epoch", epoch);
  if (speaks) json.field("speaks", true);
  json.end_object();
  return out;
}

std::string encode_override(const Override& wanted, std::string_view by, std::string_view reason) {
  std::string body;
  base::JsonWriter json(body);
  json.begin_object();
  if (wanted.weight) json.field("weight", *wanted.weight);
  if (wanted.out_of_service) json.field("state", "out_of_service");
  json.field("by", by);
  if (!reason.empty()) json.field("reason", reason);
  json.end_object();
  return body;
}

std::string encode_watch(const std::vector<WatchedService>& services) {
  std::string body;
  base::JsonWriter json(body);
  json.begin_object().key("services").begin_array();
  for (const WatchedService& watched : services) {
    json.begin_object().field("service", watched.service);
    if (watched.digest) json.field("digest", digest_text(*watched.digest));
    json.end_object();
  }
  json.end_array().end_object();
  return body;
}

}  // namespace callbook::sdk
