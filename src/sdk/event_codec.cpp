#include "sdk/event_codec.h"

#include <utility>

#include "base/address.h"
#include "base/name.h"
#include "sdk/json_reader_impl.h"
#include "sdk/list_digest.h"

namespace callbook::sdk {
namespace {

using Element = ObjectReader::Element;

// What a registry never sends (docs/native-api.md) is no instance, whatever it was meant to be.
// Addresses are looked at no closer than release 0.1 did: its records are listed as they are.
constexpr uint32_t kMaxWeight = 65'535;
constexpr size_t kMaxStateBytes = 128;

void read_port(const ObjectReader& reader, std::string_view name, Element element,
               Instance& instance) {
  uint16_t& port = instance.ports[std::string(name)];
  reader.take_number("ports", element, port);
  if (port == 0) reader.fail("ports", "is no number in range");
  reader.check(base::check_text("ports", name, base::kMaxNameBytes));
}

void read_instance(const ObjectReader& reader, Instance& instance) {
  reader.read("address", instance.address);
  reader.read_number("port", instance.port);
  reader.each_field("ports", [&](std::string_view name, Element port) {
    read_port(reader, name, port, instance);
  });
  reader.read("zone", instance.zone);
  reader.read_number("weight", instance.weight);
  reader.each_field("metadata", [&](std::string_view name, Element value) {
    std::string& text = instance.metadata[std::string(name)];
    reader.take_text("metadata", value, text);
    reader.check(base::check_text("metadata", name, name.size()));
    reader.check(base::check_text("metadata", text, text.size()));
  });
  reader.read("state", instance.state);
  if (instance.id.empty()) reader.fail("id", "is missing");
  if (instance.address.empty()) reader.fail("address", "is missing");
  if (instance.state.empty()) reader.fail("state", "is empty");
  if (instance.weight > kMaxWeight) reader.fail("weight", "is no number in range");
  reader.check(base::check_text("id", instance.id, base::kMaxNameBytes));
  reader.check(base::check_address_text("address", instance.address));
  reader.check(base::check_text("zone", instance.zone, base::kMaxNameBytes));
  // Which states there are is for the reader of the list: a later server may have more.
  reader.check(base::check_text("state", instance.state, kMaxStateBytes));
}

/// Counts one that could not be read. Says whether that was so.
bool skip(const base::Status& status, std::string_view id, Skipped& skipped) {
  if (status.ok()) return false;
  if (skipped.count++ > 0) return true;
  skipped.why = status.error().to_string();
  const std::string shown(id.substr(0, base::kMaxNameBytes));
  if (!shown.empty()) skipped.why = fmt::format("'{}': {}", shown, skipped.why);
  return true;
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

void read_put(std::string_view id, Element element, Delta& delta) {
  base::Status status;
  Delta::Put put;
  put.instance.id = id;
  put.cause = "registered";
  if (const auto fields = ObjectReader::nested("put", element, status)) {
    fields->read("cause", put.cause);
    read_instance(*fields, put.instance);
  }
  if (!skip(status, id, delta.skipped)) delta.put.push_back(std::move(put));
}

void read_gone(std::string_view id, Element element, Delta& delta) {
  std::string_view cause;
  base::Status status;
  if (element.get(cause) != simdjson::SUCCESS) {
    status = base::invalid("gone", "the registry's cause is no text");
  }
  if (!skip(status, id, delta.skipped)) delta.gone.push_back({std::string(id), std::string(cause)});
}

// ["suspect","session_expired"]: the state, and the cause if there is one.
base::Result<Delta::NewState> state_of(std::string_view id, Element element) {
  simdjson::dom::array words;
  if (element.get(words) != simdjson::SUCCESS || words.size() == 0) {
    return base::invalid("state", "the registry's state is no list of a state and its cause");
  }
  const auto read = [&](size_t at, std::string& out) {
    std::string_view text;
    if (words.at(at).get(text) != simdjson::SUCCESS) return false;
    out = text;
    return true;
  };
  Delta::NewState change;
  change.id = id;
  if (!read(0, change.state) || (words.size() > 1 && !read(1, change.cause))) {
    return base::invalid("state", "the registry's state is no text");
  }
  if (change.state.empty()) return base::invalid("state", "the registry's state is empty");
  const base::Status status = base::check_text("state", change.state, kMaxStateBytes);
  if (!status.ok()) return status.error();
  return change;
}

void read_state(std::string_view id, Element element, Delta& delta) {
  auto change = state_of(id, element);
  const base::Status status = change.ok() ? base::Status() : change.error();
  if (!skip(status, id, delta.skipped)) delta.states.push_back(std::move(*change));
}

void read_instance_of_list(Element element, SnapshotPart& part) {
  base::Status status;
  Instance instance;
  if (const auto fields = ObjectReader::nested("instances", element, status)) {
    fields->read("id", instance.id);
    read_instance(*fields, instance);
  }
  if (!skip(status, instance.id, part.skipped)) part.instances.push_back(std::move(instance));
}

}  // namespace

base::Result<SnapshotPart> decode_snapshot(std::string_view json) {
  SnapshotPart part;
  const base::Status status = read_object(json, [&part](const ObjectReader& reader) {
    read_service(reader, part.service);
    reader.read_number("part", part.part);
    reader.each_item("instances", [&](Element element) { read_instance_of_list(element, part); });
    read_digest(reader, part.digest);
    reader.read_number("largest", part.largest);
    read_emptiness(reader, part.empty);
  });
  if (!status.ok()) return status.error();
  return part;
}

base::Result<Delta> decode_delta(std::string_view json) {
  Delta delta;
  const base::Status status = read_object(json, [&delta](const ObjectReader& reader) {
    read_service(reader, delta.service);
    reader.each_field("put",
                      [&](std::string_view id, Element element) { read_put(id, element, delta); });
    reader.each_field("gone",
                      [&](std::string_view id, Element element) { read_gone(id, element, delta); });
    reader.each_field(
        "state", [&](std::string_view id, Element element) { read_state(id, element, delta); });
    read_digest(reader, delta.digest);
    reader.read_number("largest", delta.largest);
  });
  if (!status.ok()) return status.error();
  return delta;
}

}  // namespace callbook::sdk
