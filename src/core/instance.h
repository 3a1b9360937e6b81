#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/health.h"
#include "core/interner.h"
#include "core/registration.h"
#include "core/stamp.h"

namespace callbook::core {

/// Effective state of an instance, as consumers see it. At most 16 values: they travel in the low
/// bits of list entries.
enum class InstanceState : uint8_t {
  kUp = 0,
  kOutOfService = 1,  ///< an operator wants no traffic to it
  kDraining = 2,      ///< about to leave: no new calls
  kSuspect = 3,       ///< not heard of as it should be; the registry is finding out
  kDown = 4,          ///< the registry does not reach it, or nobody listens there
  kProtected = 5,     ///< not reached, like so many others that the registry doubts it
  kUnattended = 6,    ///< answers, but does not speak to the registry
  kStarting = 7,      ///< its provider says so, as of the next two (provider_status.h)
  kNotReady = 8,
  kFailing = 9,
};

inline constexpr uint8_t kInstanceStateCount = 10;

/// Whether an operator or its provider wants no calls to it: breakers count it on neither side.
constexpr bool is_withheld(InstanceState state) {
  switch (state) {
    case InstanceState::kOutOfService:
    case InstanceState::kDraining:
    case InstanceState::kStarting:
    case InstanceState::kNotReady:
    case InstanceState::kFailing:
      return true;
    default:
      return false;
  }
}

/// What consumers see of it, unless an operator or its provider says otherwise.
constexpr InstanceState state_of(Health health) {
  switch (health) {
    case Health::kUp:
      return InstanceState::kUp;
    case Health::kSuspect:
      return InstanceState::kSuspect;
    case Health::kDown:
    case Health::kRefused:
      return InstanceState::kDown;
    case Health::kProtected:
      return InstanceState::kProtected;
    case Health::kUnattended:
      return InstanceState::kUnattended;
  }
  return InstanceState::kUp;
}

std::string_view name_of(InstanceState state);
std::optional<InstanceState> instance_state_from(std::string_view name);

/// "No slot": an instance that hangs on nothing.
inline constexpr uint32_t kNoSlot = UINT32_MAX;

/// One registered instance in one compact allocation: a header, then id, address and packed body.
/// What consumers see of it never changes after creation, so threads read it without locks; a
/// change makes a new one. Fields marked core-only are read and written by core's thread alone.
class Instance {
 public:
  struct Deleter {
    void operator()(const Instance* instance) const;
  };
  using Ptr = std::unique_ptr<const Instance, Deleter>;

  /// `packed` comes from pack_body(); `weight` is the effective one.
  static Ptr make(std::string_view id, const RegistrationView& registration, uint32_t weight,
                  std::string_view packed);

  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  std::string_view id() const { return {bytes(), id_bytes_}; }
  std::string_view address() const { return {bytes() + id_bytes_, address_bytes_}; }
  uint16_t port() const { return port_; }
  bool is_at(std::string_view address, uint16_t port) const {
    return port_ == port && this->address() == address;
  }
  /// The effective one: an override counts.
  uint32_t weight() const { return weight_; }
  /// What its provider said.
  uint32_t registered_weight() const { return registered_weight_; }
  HolderKind holder_kind() const { return holder_kind_; }
  std::string_view packed() const { return {bytes() + id_bytes_ + address_bytes_, packed_bytes_}; }
  /// Whether it was made from the same content as `registration` packed as `body`.
  bool same_content(const RegistrationView& registration, std::string_view body) const;
  /// Bytes of this allocation.
  size_t footprint_bytes() const;

  /// XXH64 of the canonical text (docs/formats/digest.md), for the list digest.
  uint64_t content_hash = 0;
  /// Version of the record that made it.
  uint64_t version = 0;

  // Core-only.
  mutable Stamp stamp;
  mutable uint32_t service = 0;            ///< index in the catalog
  mutable uint32_t holder_slot = kNoSlot;  ///< session slot, or lease slot of an own TTL
  mutable uint32_t holder_position = 0;    ///< place in the session's list
  mutable uint64_t claimed = 0;  ///< version at which its holder came to have its address and port
  mutable uint64_t replica_part = 0;    ///< what its record adds to the replication digest
  mutable uint8_t round = 0;            ///< in which round of joining it was last heard of
  mutable Health health = Health::kUp;  ///< of its holder
  // As bits, for there is one byte left.
  mutable bool excluded : 1 = false;  ///< an operator has taken its process out (Exclusion)
  mutable bool answers : 1 = false;   ///< its checks fail, but by wrong answers
  mutable bool withheld : 1 = false;  ///< in the list, but on neither side of its breakers

 private:
  Instance() = default;
  ~Instance() = default;
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }

  uint32_t registered_weight_ = 0;
  uint32_t weight_ = 0;
  uint32_t packed_bytes_ = 0;
  uint16_t port_ = 0;
  uint8_t id_bytes_ = 0;
  uint8_t address_bytes_ = 0;
  HolderKind holder_kind_ = HolderKind::kPersistent;
};

/// Packs zone, named ports, metadata, check and extras into `out` (cleared first), with what
/// repeats interned.
void pack_body(const RegistrationView& registration, Interner& interner, std::string& out);

/// Reads a packed body. Only for bytes that pack_body() made.
class PackedBody {
 public:
  PackedBody(std::string_view packed, const Interner& interner);

  std::string_view zone() const { return zone_; }

  template <typename Visit>
  void for_each_port(Visit&& visit) const {
    base::ByteReader reader(rest_);
    for (uint64_t left = reader.varint(); left > 0; --left) {
      const std::string_view name = text(reader);
      visit(name, static_cast<uint16_t>(reader.varint()));
    }
  }
  template <typename Visit>
  void for_each_metadata(Visit&& visit) const {
    base::ByteReader reader(rest_);
    for (uint64_t left = reader.varint(); left > 0; --left) {
      text(reader);
      reader.varint();
    }
    for (uint64_t left = reader.varint(); left > 0; --left) {
      const std::string_view name = text(reader);
      visit(name, reader.string());
    }
  }
  /// Its CheckRule, encoded; empty: none.
  std::string_view check() const;
  /// Its RegistrationExtras, encoded; empty: none.
  std::string_view extras() const;
  bool has_ports() const;
  bool has_metadata() const;

 private:
  std::string_view text(base::ByteReader& reader) const;
  base::ByteReader behind_metadata() const;

  const Interner& interner_;
  std::string_view zone_;
  std::string_view rest_;
};

/// The registration that an instance was made from, but for its holder. `ports` and `metadata` are
/// written over, and borrowed by the result, as are the instance and the interner.
RegistrationView registration_of(const Instance& instance, const Interner& interner,
                                 std::string& ports, std::string& metadata);

/// Hash of the canonical text of an instance (docs/formats/digest.md). `scratch` is reused.
uint64_t content_hash_of(std::string_view id, const RegistrationView& registration, uint32_t weight,
                         std::string& scratch);

/// What one instance adds to its list's digest; the digest is the sum modulo 2^64.
uint64_t digest_part(uint64_t content_hash, InstanceState state);

}  // namespace callbook::core
