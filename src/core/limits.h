#pragma once

#include <cstdint>

namespace callbook::core {

/// What core will bear. Configurable (docs/operations.md lists each with its flag); every refusal
/// names the field and the number.
struct Limits {
  uint32_t max_services = 1'000'000;
  uint32_t max_instances = 5'000'000;
  uint32_t max_sessions = 1'000'000;
  uint32_t max_instances_per_session = 10'000;
  uint32_t max_metadata_entries = 64;
  uint32_t max_metadata_name_bytes = 128;
  uint32_t max_metadata_value_bytes = 1024;
  uint32_t max_metadata_bytes = 8 * 1024;  ///< names and values of one instance together
  uint32_t max_named_ports = 16;
  uint32_t max_weight = 65'535;
  uint32_t max_client_bytes = 256;
  int64_t min_ttl_ms = 1'000;
  int64_t max_ttl_ms = 24LL * 3600 * 1000;
};

/// Timing rules that an operator may change.
struct Timing {
  int64_t heartbeat_ms = 2'000;               ///< the shortest that the server asks for by itself
  uint32_t max_heartbeats_per_s = 20'000;     ///< above it, heartbeats are spread out
  uint32_t missed_heartbeats = 3;             ///< a session's TTL in heartbeats
  int64_t tombstone_ms = 24LL * 3600 * 1000;  ///< how long a departure is remembered
};

}  // namespace callbook::core
