#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/front.h"
#include "core/input.h"
#include "core/output.h"
#include "sdk/list_event.h"

namespace callbook::sim {

/// A machine that is not a registry node: a provider's, a consumer's, an operator's.
using ClientId = uint32_t;

/// What a watching consumer is sent, in the order of the stream. Exactly one member is set.
struct WatchEvent {
  std::optional<sdk::SnapshotPart> snapshot;
  std::optional<sdk::Delta> delta;
};

/// A stream from a registry node to a client. Called until closed() or until the client hangs up.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  /// The node has taken the stream on (attach: the session is tied to it).
  virtual void opened() = 0;
  /// A sign of life, every few seconds while nothing else is sent.
  virtual void alive() = 0;
  /// Watch streams only. `boot` and `version` are the event id: sent only when every service of the
  /// stream is complete through it (then not empty).
  virtual void event(WatchEvent event, std::optional<std::pair<uint64_t, uint64_t>> id) = 0;
  /// The stream is gone: the node answered with an error (refused, superseded, not ready), or
  /// nothing (connection refused, reset, or the client's own time-out for connecting).
  virtual void closed(const std::optional<base::Error>& error) = 0;
};

/// What a consumer asks to watch.
struct WatchRequest {
  struct Service {
    core::ServiceKey key;
    std::optional<uint64_t> digest;  ///< of the list that it holds, if it holds one
  };
  std::vector<Service> services;
  /// Resume as after this event id of the same boot; digests are then not looked at.
  std::optional<std::pair<uint64_t, uint64_t>> last_event_id;
};

using StreamId = uint64_t;

/// The stamp of an operator's word, from the reply to it.
inline core::Stamp stamp_of_word(const core::Reply& reply) {
  const auto* gone = std::get_if<core::InstanceDeregistered>(&reply);
  return gone != nullptr ? gone->stamp : std::get<core::OverrideChanged>(reply).stamp;
}

/// How simulated clients reach simulated registry nodes: over links that delay, lose, break and
/// hang half-open. Nothing here tells a client anything that a real one could not know.
class ClientPort {
 public:
  virtual ~ClientPort() = default;

  virtual size_t node_count() const = 0;

  /// What came of a call: the node's answer, or nothing by the time-out or because the connection
  /// was refused or broke. After nothing the input may or may not have been applied.
  using Answer = std::optional<base::Result<core::Reply>>;
  /// `done` is called exactly once, later than this returns, unless the client has died by then.
  virtual void call(ClientId client, size_t node, core::Input input, core::Ack ack,
                    int64_t timeout_ms, std::function<void(Answer)> done) = 0;

  virtual StreamId attach(ClientId client, size_t node, core::AttachSession session,
                          std::shared_ptr<StreamSink> sink) = 0;
  virtual StreamId watch(ClientId client, size_t node, WatchRequest request,
                         std::shared_ptr<StreamSink> sink) = 0;
  /// The client's machine has the address from now on, and `process` on it listens at the port:
  /// whoever listened there before does no longer.
  virtual void listen(ClientId client, uint32_t process, const std::string& address,
                      uint16_t port) = 0;
  virtual void stop_listening(uint32_t process, const std::string& address, uint16_t port) = 0;
  /// At all of its ports.
  virtual void stop_listening(uint32_t process) = 0;
  /// Whether a call to the address would be answered, over a network without faults.
  virtual bool answers_at(const std::string& address, uint16_t port) const = 0;
  /// SIGSTOP until then: the client reads nothing, but its kernel takes what comes, connections
  /// too.
  virtual void stop_reading_until(ClientId client, int64_t until_ms) = 0;

  /// The client closes the stream properly. Nothing more is called on its sink.
  virtual void hang_up(StreamId stream) = 0;
  /// The client's process dies: its streams break (the node hears FIN at once, or nothing if the
  /// machine went), nothing more is called. The id may be used again by a later process.
  virtual void client_died(ClientId client, bool with_machine) = 0;
};

}  // namespace callbook::sim
