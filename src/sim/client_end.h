#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "sim/client_port.h"

namespace callbook::sim {

/// The clients' ends of streams, as a node's sockets show them.
class ClientEnd {
 public:
  virtual ~ClientEnd() = default;

  // What the node writes. It arrives in this order, or never.
  virtual void write_opened(StreamId stream) = 0;
  virtual void write_alive(StreamId stream) = 0;
  virtual void write_event(StreamId stream, WatchEvent event,
                           std::optional<std::pair<uint64_t, uint64_t>> id) = 0;
  /// Ends the stream in order; without an error it is a reset.
  virtual void write_end(StreamId stream, std::optional<base::Error> error) = 0;

  /// For how long nothing of what was written has been acknowledged; kReset when the other end
  /// knows of no such connection.
  static constexpr int64_t kReset = INT64_MAX;
  virtual int64_t unacknowledged_ms(StreamId stream) = 0;
  /// How many events may be on their way at once.
  virtual size_t window(StreamId stream) = 0;

  /// The node tries to connect to where a client may listen. What comes back, if anything does,
  /// comes as an answer of the prober's (NodeProcess::probe_answered).
  virtual void probe(size_t node, uint64_t probe, const std::string& address, uint16_t port) = 0;

  /// The node's process has died; if the machine is still there it resets every connection.
  virtual void node_died(size_t node, bool machine_is_up) = 0;
};

}  // namespace callbook::sim
