#include "core/instance.h"

#include <charconv>
#include <cstdlib>
#include <new>

#include "base/check.h"
#include "base/hash.h"

namespace callbook::core {
namespace {

// A packed text is a varint: odd, index * 2 + 1 of an interned string; even, length * 2 and bytes.
void put_text(std::string& out, std::string_view text, Interner& interner) {
  if (const auto index = interner.intern(text)) {
    base::put_varint(out, uint64_t{*index} * 2 + 1);
    return;
  }
  base::put_varint(out, text.size() * 2);
  out.append(text);
}

void append_number(std::string& out, uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

}  // namespace

std::string_view name_of(InstanceState state) {
  switch (state) {
    case InstanceState::kUp:
      return "up";
    case InstanceState::kOutOfService:
      return "out_of_service";
    case InstanceState::kDraining:
      return "draining";
    case InstanceState::kSuspect:
      return "suspect";
    case InstanceState::kDown:
      return "down";
    case InstanceState::kProtected:
      return "protected";
    case InstanceState::kUnattended:
      return "unattended";
    case InstanceState::kStarting:
      return "starting";
    case InstanceState::kNotReady:
      return "not_ready";
    case InstanceState::kFailing:
      return "failing";
  }
  return "unknown";
}

std::optional<InstanceState> instance_state_from(std::string_view name) {
  for (uint8_t value = 0; value < kInstanceStateCount; ++value) {
    const auto state = static_cast<InstanceState>(value);
    if (name_of(state) == name) return state;
  }
  return std::nullopt;
}

void Instance::Deleter::operator()(const Instance* instance) const {
  std::free(const_cast<Instance*>(instance));
}

Instance::Ptr Instance::make(std::string_view id, const RegistrationView& registration,
                             uint32_t weight, std::string_view packed) {
  CALLBOOK_CHECK(id.size() <= UINT8_MAX && registration.address.size() <= UINT8_MAX);
  const size_t tail = id.size() + registration.address.size() + packed.size();
  void* memory = std::malloc(sizeof(Instance) + tail);
  CALLBOOK_CHECK(memory != nullptr);
  auto* made = new (memory) Instance();
  made->registered_weight_ = registration.weight;
  made->weight_ = weight;
  made->packed_bytes_ = static_cast<uint32_t>(packed.size());
  made->port_ = registration.port;
  made->id_bytes_ = static_cast<uint8_t>(id.size());
  made->address_bytes_ = static_cast<uint8_t>(registration.address.size());
  made->holder_kind_ = registration.holder.kind;
  char* at = made->bytes();
  at += id.copy(at, id.size());
  at += registration.address.copy(at, registration.address.size());
  packed.copy(at, packed.size());
  return Ptr(made);
}

bool Instance::same_content(const RegistrationView& registration, std::string_view body) const {
  return port_ == registration.port && registered_weight_ == registration.weight &&
         holder_kind_ == registration.holder.kind && address() == registration.address &&
         packed() == body;
}

size_t Instance::footprint_bytes() const {
  return sizeof(Instance) + id_bytes_ + address_bytes_ + packed_bytes_;
}

void pack_body(const RegistrationView& registration, Interner& interner, std::string& out) {
  out.clear();
  put_text(out, registration.zone, interner);

  uint64_t ports = 0;
  for_each_port(registration.ports, [&](std::string_view, uint16_t) { ++ports; });
  base::put_varint(out, ports);
  for_each_port(registration.ports, [&](std::string_view name, uint16_t port) {
    put_text(out, name, interner);
    base::put_varint(out, port);
  });

  uint64_t entries = 0;
  for_each_metadata(registration.metadata, [&](std::string_view, std::string_view) { ++entries; });
  base::put_varint(out, entries);
  for_each_metadata(registration.metadata, [&](std::string_view name, std::string_view value) {
    put_text(out, name, interner);
    base::put_string(out, value);
  });
  if (registration.check.empty() && registration.extras.empty()) return;
  base::put_string(out, registration.check);
  out.append(registration.extras);
}

PackedBody::PackedBody(std::string_view packed, const Interner& interner) : interner_(interner) {
  base::ByteReader reader(packed);
  zone_ = text(reader);
  rest_ = reader.rest();
}

std::string_view PackedBody::text(base::ByteReader& reader) const {
  const uint64_t head = reader.varint();
  if (head % 2 == 1) return interner_.at(static_cast<uint32_t>(head / 2));
  return reader.bytes(head / 2);
}

bool PackedBody::has_ports() const {
  base::ByteReader reader(rest_);
  return reader.varint() > 0;
}

base::ByteReader PackedBody::behind_metadata() const {
  base::ByteReader reader(rest_);
  for (uint64_t left = reader.varint(); left > 0; --left) {
    text(reader);
    reader.varint();
  }
  for (uint64_t left = reader.varint(); left > 0; --left) {
    text(reader);
    reader.string();
  }
  return reader;
}

std::string_view PackedBody::check() const {
  base::ByteReader reader = behind_metadata();
  return reader.at_end() ? std::string_view() : reader.string();
}

std::string_view PackedBody::extras() const {
  base::ByteReader reader = behind_metadata();
  if (!reader.at_end()) reader.string();
  return reader.rest();
}

bool PackedBody::has_metadata() const {
  bool any = false;
  for_each_metadata([&](std::string_view, std::string_view) { any = true; });
  return any;
}

RegistrationView registration_of(const Instance& instance, const Interner& interner,
                                 std::string& ports, std::string& metadata) {
  const PackedBody body(instance.packed(), interner);
  ports.clear();
  metadata.clear();
  body.for_each_port([&](std::string_view name, uint16_t port) {
    base::put_string(ports, name);
    base::put_varint(ports, port);
  });
  body.for_each_metadata([&](std::string_view name, std::string_view value) {
    base::put_string(metadata, name);
    base::put_string(metadata, value);
  });
  return {instance.address(),
          instance.port(),
          body.zone(),
          instance.registered_weight(),
          ports,
          metadata,
          {},
          body.check(),
          body.extras()};
}

uint64_t content_hash_of(std::string_view id, const RegistrationView& registration, uint32_t weight,
                         std::string& scratch) {
  scratch.clear();
  const auto line = [&](std::string_view text) {
    scratch.append(text);
    scratch.push_back('\n');
  };
  line(id);
  line(registration.address);
  append_number(scratch, registration.port);
  scratch.push_back('\n');
  line(registration.zone);
  append_number(scratch, weight);
  scratch.push_back('\n');
  for_each_port(registration.ports, [&](std::string_view name, uint16_t port) {
    scratch.append("p\t").append(name).push_back('\t');
    append_number(scratch, port);
    scratch.push_back('\n');
  });
  for_each_metadata(registration.metadata, [&](std::string_view name, std::string_view value) {
    scratch.append("m\t").append(name).push_back('\t');
    line(value);
  });
  return base::xxh64(scratch);
}

uint64_t digest_part(uint64_t content_hash, InstanceState state) {
  // The seed of xxh64 would do too; a sum lets a client combine two published hashes.
  return base::mix64(content_hash + base::xxh64(name_of(state)));
}

}  // namespace callbook::core
