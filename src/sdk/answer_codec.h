#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "callbook/status.h"

#include "base/json_writer.h"
#include "base/result.h"
#include "sdk/instance.h"

namespace callbook::sdk {

/// A session as the server granted it.
struct SessionGrant {
  std::string id;
  int64_t ttl_ms = 0;
  int64_t heartbeat_ms = 0;
  uint32_t epoch = 0;              ///< grows each time that the session goes on at another node
  std::vector<std::string> nodes;  ///< "HOST:PORT" of the nodes to turn to
  bool speaks = false;             ///< heartbeats are wanted also while a stream is attached
};

/// What a registration did.
struct RegistrationAnswer {
  std::string result;  ///< "created", "updated" or "unchanged"
  uint64_t version = 0;
};

/// Which nodes do not know of a change yet, where that was asked for.
struct NodesBehind {
  std::vector<std::string> unheard;     ///< by name
  std::vector<std::string> cannot_say;  ///< of an older release, which can't say it
  std::string bus;                      ///< how the bus is if that may be why: "away"; or empty
};

/// What an operator's change did.
struct ChangeAnswer {
  uint64_t version = 0;
  NodesBehind nodes;
};

/// What a removal did.
struct RemovalAnswer {
  uint64_t version = 0;
  uint64_t unseen = 0;     ///< watchers that have not been sent it, where that was asked for
  uint64_t unreached = 0;  ///< nodes that did not say that it has come to them
  NodesBehind nodes = {};
};

/// One line of the list of services.
struct ServiceSummary {
  std::string service;
  uint64_t instances = 0;
  uint64_t version = 0;
};

/// Of which data center a list is.
struct Origin {
  std::string datacenter;  ///< empty: the registry's own
  int64_t silent_ms = 0;   ///< since it was heard
  bool stale = false;      ///< for so long that the list may be old
};

struct ServicePage {
  std::vector<ServiceSummary> services;
  Origin origin;
  std::string next;  ///< where the next page begins; empty: this is the last
};

// Answers of the native API. Fields that are not known are passed over; what is malformed is
// kInvalid.
base::Result<SessionGrant> decode_session(std::string_view json);
base::Result<RegistrationAnswer> decode_registration(std::string_view json);
base::Result<ChangeAnswer> decode_change(std::string_view json);
base::Result<RemovalAnswer> decode_removal(std::string_view json);
base::Result<ServicePage> decode_services(std::string_view json);
base::Result<Origin> decode_origin(std::string_view json);

/// The data of a `drained` or `restored` event.
struct WithdrawalEvent {
  std::string service;
  std::string name_space = kDefaultNamespace;
  std::string id;
  Withdrawal withdrawal;
};
base::Result<WithdrawalEvent> decode_withdrawal(std::string_view json);

/// The data of a `leaving` event: where to turn to.
base::Result<std::vector<std::string>> decode_leaving(std::string_view json);

/// The number called `field` of a small answer: {"instances":3}.
base::Result<uint64_t> decode_number(std::string_view json, std::string_view field);

/// The error that an answer which is no success stands for: its problem document, or whatever the
/// status says if the body is none.
base::Error decode_problem(int status, std::string_view body);
/// Whether another registry may answer the same request otherwise.
inline bool is_the_servers_fault(base::ErrorCode code) {
  return code == base::ErrorCode::kIo || code == base::ErrorCode::kOverloaded ||
         code == base::ErrorCode::kNotReady;
}

/// The fields of a registration that consumers see, but for its id and state.
void append_instance(base::JsonWriter& json, const Instance& instance);
/// Body of PUT /v1/services/{service}/instances/{id}; of a status that is `up` it says nothing.
std::string encode_registration(const Instance& instance, std::string_view session,
                                Status status = Status::kUp, bool shares_port = false);
/// Body of PUT /v1/services/{service}/instances/{id}/status.
std::string encode_status(const ProviderStatus& status);

/// What is asked of a new session.
struct SessionWish {
  int64_t ttl_ms = 0;   ///< 0: the server's choice
  std::string client;   ///< how the process is called in the registry
  bool speaks = false;  ///< heartbeats are promised also while a stream is attached
  std::string process;  ///< process_id(); empty: left out
};
/// Body of POST /v1/sessions.
std::string encode_session(const SessionWish& wish);
/// The same, for a session that is taken over; an `epoch` of 0 is not known.
std::string encode_resumption(std::string_view session, uint32_t epoch, bool speaks);

/// What an operator wants of an instance in place of what its provider says.
struct Override {
  std::optional<uint32_t> weight;
  bool out_of_service = false;
};
/// Body of PUT /v1/services/{service}/instances/{id}/override.
std::string encode_override(const Override& wanted, std::string_view by, std::string_view reason);

/// One service of POST /v1/watch.
struct WatchedService {
  std::string service;
  std::optional<uint64_t> digest;  ///< of the list that the client holds
};
std::string encode_watch(const std::vector<WatchedService>& services);

}  // namespace callbook::sdk
