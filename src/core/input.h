#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "core/key.h"
#include "core/registration.h"
#include "core/session_id.h"
#include "core/stamp.h"

namespace callbook::core {

// Inputs are imperative and carry everything that core must not make up itself: ids, time.

/// Opens a session under a fresh random id.
struct OpenSession {
  SessionId id;
  int64_t ttl_ms = 0;  ///< 0: the server's choice
  std::string client;  ///< who this is, for people: "orders@host-7"
};

/// Takes over a session, here or from another node, under the next epoch.
struct ResumeSession {
  SessionId id;
};

struct RefreshSession {
  SessionId id;
};

/// Ties the session to a connection: while it is attached, the connection is its heartbeat.
struct AttachSession {
  SessionId id;
};

/// A connection that the session was attached to is gone.
struct DetachSession {
  SessionId id;
};

struct CloseSession {
  SessionId id;
};

struct RegisterInstance {
  InstanceKey key;
  Registration registration;
  Stamp after;  ///< what the client has seen; the new stamp is later
};

struct RefreshInstance {
  InstanceKey key;
};

struct DeregisterInstance {
  InstanceKey key;
  Stamp after;
};

/// A record from the store (later: from the bus), to be merged. Views borrow until step() returns.
struct MergeRecord {
  uint64_t version = 0;
  std::string_view key;
  std::string_view value;  ///< empty: the record was erased
};

/// Every stored record has been merged: work out what is alive, and begin to serve.
struct FinishLoading {
  uint64_t last_version = 0;
};

/// Time has passed.
struct AdvanceTime {};

using Input = std::variant<OpenSession, ResumeSession, RefreshSession, AttachSession, DetachSession,
                           CloseSession, RegisterInstance, RefreshInstance, DeregisterInstance,
                           MergeRecord, FinishLoading, AdvanceTime>;

}  // namespace callbook::core
