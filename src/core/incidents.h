#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/cause.h"
#include "core/key.h"
#include "core/session_id.h"

namespace callbook::core {

/// What the registry has done of its own accord (not at an operator's or a provider's wish), for
/// the log. Of each kind and cause: how often, and the first few in full, so that a mass of them
/// costs as little memory as ten.
struct Incident {
  enum class Kind : uint8_t {
    kRemoved,       ///< an instance was taken out of the list
    kSessionEnded,  ///< a session without instances lapsed
    kTakenOver,     ///< an instance's id went to another, later session
    kInherited,     ///< a session, or an own TTL, has its home here since its home was lost
  };
  /// How many are named.
  static constexpr size_t kMostNamed = 10;
  /// Services beyond this number are not told apart.
  static constexpr size_t kMostServices = 1'000;

  /// One of them.
  struct Named {
    InstanceKey instance = {};  ///< empty: a session as a whole
    std::string address = {};
    uint16_t port = 0;
    SessionId session = {};   ///< that holds, or held it; zero: none does
    std::string client = {};  ///< of that session: "orders@host-7"
    SessionId heir = {};      ///< kTakenOver: the later session
    std::string heir_client = {};
    std::string lost_node = {};  ///< kInherited: its former home; empty if its name is not known
    uint32_t instances = 0;      ///< kInherited: how many the session holds
  };

  Kind kind = Kind::kRemoved;
  Cause cause = Cause::kNone;
  uint64_t count = 0;
  std::vector<uint64_t> services = {};  ///< hashes of their keys, sorted; at most kMostServices
  std::vector<Named> first = {};        ///< at most kMostNamed

  void note_service(ServiceKeyView service);
  /// Adds all of another one of the same kind and cause.
  void merge(Incident other);
};

/// The incidents of some steps, one of each kind and cause. Not thread-safe.
class Incidents {
 public:
  /// Counts one more. `name(Incident::Named&)` is called only while names are kept.
  template <typename Name>
  void add(Incident::Kind kind, Cause cause, ServiceKeyView service, Name&& name) {
    Incident& incident = find_or_add(kind, cause);
    ++incident.count;
    if (!service.name.empty()) incident.note_service(service);
    if (incident.first.size() < Incident::kMostNamed) name(incident.first.emplace_back());
  }

  bool empty() const { return all_.empty(); }
  std::vector<Incident>& all() { return all_; }
  const std::vector<Incident>& all() const { return all_; }
  void clear() { all_.clear(); }

 private:
  Incident& find_or_add(Incident::Kind kind, Cause cause);

  std::vector<Incident> all_;  // a handful
};

}  // namespace callbook::core
