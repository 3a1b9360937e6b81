#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/bus_position.h"
#include "core/flat_list.h"
#include "core/session_id.h"

namespace callbook::core {

/// What an instance's life hangs on.
enum class HolderKind : uint8_t {
  kPersistent = 0,  ///< nothing: it stays until it is deregistered
  kSession = 1,     ///< the session of its provider
  kTtl = 2,         ///< a time-to-live of its own that heartbeats renew, or a check
};

/// The stream on which records of instances with such a holder travel.
constexpr Stream stream_of(HolderKind holder) {
  return holder == HolderKind::kPersistent ? Stream::kLasting : Stream::kTied;
}

struct Holder {
  HolderKind kind = HolderKind::kPersistent;
  SessionId session;   ///< for kSession
  int64_t ttl_ms = 0;  ///< for kTtl: of its heartbeats, or between its checks

  bool operator==(const Holder&) const = default;
};

/// Traffic share of an instance that says nothing else.
inline constexpr uint32_t kDefaultWeight = 100;

/// What a provider says of an instance. Borrowed bytes; see Registration for the owning form.
struct RegistrationView {
  std::string_view address;
  uint16_t port = 0;  ///< 0: the instance has no default port
  std::string_view zone;
  uint32_t weight = kDefaultWeight;
  std::string_view ports;     ///< flat, see flat_list.h
  std::string_view metadata;  ///< flat
  Holder holder;
  std::string_view check;        ///< for kTtl: its CheckRule, encoded; empty: it sends heartbeats
  std::string_view extras = {};  ///< RegistrationExtras, encoded; empty: none
};

struct Registration {
  std::string address;
  uint16_t port = 0;
  std::string zone;
  uint32_t weight = kDefaultWeight;
  NamedPorts ports;
  Metadata metadata;
  Holder holder;
  std::string check;
  std::string extras = {};

  RegistrationView view() const {
    return {address, port, zone, weight, ports.bytes(), metadata.bytes(), holder, check, extras};
  }
};

}  // namespace callbook::core
