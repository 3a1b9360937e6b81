#include "sdk/event_codec.h"

#include <utility>

#include "sdk/json_reader_impl.h"
#include "sdk/list_digest.h"

namespace callbook::sdk {
namespace {

using Element = ObjectReader::Element;

void read_instance(const ObjectReader& reader, Instance& instance) {
  reader.read("address", instance.address);
  reader.read_number("port", instance.port);
  reader.each_field("ports", [&](std::string_view name, Element port) {
    reader.take_number("ports", port, instance.ports[std::string(name)]);
  });
  reader.read("zone", instance.zone);
  reader.read_number("weight", instance.weight);
  reader.each_field("metadata", [&](std::string_view name, Element value) {
    reader.take_text("metadata", value, instance.metadata[std::string(name)]);
  });
  reader.read("state", instance.state);
  if (instance.id.empty()) reader.fail("id", "is missing");
  if (instance.address.empty()) reader.fail("address", "is missing");
}

void read_digest(const ObjectReader& reader, std::optional<uint64_t>& digest) {
  if (!reader.has("digest")) return;
  std::string text;
  reader.read("digest", text);
  digest = parse_digest(text);
  if (!digest) reader.fail("digest", "is no digest");
}

void read_service(const ObjectReader& reader, std::string& service) {
  reader.read("service", service);
  if (service.empty()) reader.fail("service", "is missing");
}

void read_emptiness(const ObjectReader& reader, std::optional<Emptiness>& emptiness) {
  const auto element = reader.find("empty");
  if (!element) return;
  const auto empty = reader.nested("empty", *element);
  if (!empty) return;
  emptiness.emplace();
  empty->read("reason", emptiness->reason);
  empty->each_field("causes", [&](std::string_view cause, Element count) {
    empty->take_number("causes", count, emptiness->causes[std::string(cause)]);
  });
}

void read_put(const ObjectReader& reader, std::string_view id, Element element, Delta& delta) {
  const auto fields = reader.nested("put", element);
  if (!fields) return;
  Delta::Put& put = delta.put.emplace_back();
  put.instance.id = id;
  put.cause = "registered";
  fields->read("cause", put.cause);
  read_instance(*fields, put.instance);
}

// ["suspect","session_expired"]: the state, and the cause if there is one.
void read_state(const ObjectReader& reader, std::string_view id, Element element, Delta& delta) {
  simdjson::dom::array words;
  if (element.get(words) != simdjson::SUCCESS || words.size() == 0) {
    return reader.fail("state", "is no list of a state and its cause");
  }
  Delta::NewState& change = delta.states.emplace_back();
  change.id = id;
  reader.take_text("state", words.at(0).value_unsafe(), change.state);
  if (words.size() > 1) reader.take_text("state", words.at(1).value_unsafe(), change.cause);
}

}  // namespace

base::Result<SnapshotPart> decode_snapshot(std::string_view json) {
  SnapshotPart part;
  const base::Status status = read_object(json, [&part](const ObjectReader& reader) {
    read_service(reader, part.service);
    reader.read_number("part", part.part);
    reader.each_item("instances", [&](Element element) {
      const auto fields = reader.nested("instances", element);
      if (!fields) return;
      Instance& instance = part.instances.emplace_back();
      fields->read("id", instance.id);
      read_instance(*fields, instance);
    });
    read_digest(reader, part.digest);
    read_emptiness(reader, part.empty);
  });
  if (!status.ok()) return status.error();
  return part;
}

base::Result<Delta> decode_delta(std::string_view json) {
  Delta delta;
  const base::Status status = read_object(json, [&delta](const ObjectReader& reader) {
    read_service(reader, delta.service);
    reader.each_field(
        "put", [&](std::string_view id, Element element) { read_put(reader, id, element, delta); });
    reader.each_field("gone", [&](std::string_view id, Element cause) {
      Delta::Gone& gone = delta.gone.emplace_back();
      gone.id = id;
      reader.take_text("gone", cause, gone.cause);
    });
    reader.each_field("state", [&](std::string_view id, Element element) {
      read_state(reader, id, element, delta);
    });
    read_digest(reader, delta.digest);
  });
  if (!status.ok()) return status.error();
  return delta;
}

}  // namespace callbook::sdk
