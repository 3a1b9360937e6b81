#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callbook::core {

/// What the silence of an instance with a TTL of its own means, where its provider says so itself.
/// Counted from its last heartbeat.
struct Lapse {
  int64_t down_after_ms = 0;    ///< at least its TTL; 0: its TTL
  int64_t remove_after_ms = 0;  ///< 0: never
  bool probe = true;            ///< whether it is probed meanwhile; an answer makes it unattended
  bool operator==(const Lapse&) const = default;
};

/// What a registration says besides what release 0.1 knows. It travels as a section of the
/// instance's record (kExtrasSection) whose stamp is that of the registration; beside any other
/// registration it does not count. Nodes of release 0.1 pass it on.
struct RegistrationExtras {
  bool shares_port = false;  ///< others may have its address and port too
  std::optional<Lapse> lapse;
  std::string checks;  ///< its CheckSet, encoded, if it has more than a CheckRule says; else empty
  bool insists = false;  ///< without a session: took its id even from a living session
  bool operator==(const RegistrationExtras&) const = default;
};

/// As it is stored (docs/formats/records.md); empty if nothing differs from the default. Equal
/// extras give equal bytes.
std::string encode(const RegistrationExtras& extras);
/// Such bytes with `insists` set. REQUIRES: decode_extras() reads them.
std::string with_insistence(std::string_view extras);
/// Nothing for bytes that no release could have made. Fields of later releases are passed over.
std::optional<RegistrationExtras> decode_extras(std::string_view bytes);

}  // namespace callbook::core
