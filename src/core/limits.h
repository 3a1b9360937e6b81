#pragma once

#include <cstdint>

#include "core/breaker.h"
#include "core/doubt.h"

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
  uint32_t max_process_bytes = 64;
  int64_t max_lapse_ms = 7LL * 24 * 3600 * 1000;
  uint32_t max_overrides = 100'000;  ///< removed ones counted while they are remembered
  uint32_t max_by_bytes = 128;
  uint32_t max_reason_bytes = 512;
  uint32_t max_status_text_bytes = 512;
  int64_t min_ttl_ms = 1'000;
  int64_t max_ttl_ms = 24LL * 3600 * 1000;
  int64_t max_drain_ms = 3600LL * 1000;
  int64_t min_check_interval_ms = 1'000;
  int64_t max_check_interval_ms = 3600LL * 1000;
  int64_t min_check_timeout_ms = 50;  ///< the most is the interval
  int64_t max_check_remove_after_ms = 7LL * 24 * 3600 * 1000;
  uint32_t max_check_threshold = 100;  ///< failures or successes in a row
  uint32_t max_check_path_bytes = 512;
  uint32_t max_outbox = 1'000'000;    ///< records owed to the bus; then new keys are refused
  uint32_t max_publications = 1'000;  ///< in flight to the bus at once
};

/// What becomes of those that are not heard of. May differ from service to service; of a process
/// with instances of several the most patient counts.
struct ServiceTiming {
  uint32_t probe_rounds = 3;          ///< in a burst; 0: nobody is probed, who lapses is removed
  int64_t probe_interval_ms = 500;    ///< in the burst, then growing …
  int64_t probe_longest_ms = 30'000;  ///< … up to this
  int64_t probe_timeout_ms = 500;
  int64_t refused_removal_ms = 10'000;  ///< from the first refusal to removal
  int64_t silent_removal_ms = 30'000;   ///< from `down` to removal
  int64_t unattended_ms = 3'600'000;    ///< so long what answers but does not speak is not silent
  uint32_t reports = 3;                 ///< of so many consumers …
  int64_t reports_within_ms = 10'000;   ///< … within this time cause a probe; reports 0: none do
  BreakerRule breaker;
  /// Whether those whose checks fail, but are not refused, are `protected` when all of three or
  /// more of the service fail.
  bool protect_failing = true;
};

/// Timing rules that an operator may change. What a service has of its own is in
/// RegistryOptions::service_timing.
struct Timing : ServiceTiming {
  int64_t heartbeat_ms = 2'000;               ///< the shortest that the server asks for by itself
  uint32_t max_heartbeats_per_s = 20'000;     ///< above it, heartbeats are spread out
  uint32_t missed_heartbeats = 3;             ///< a session's TTL in heartbeats
  int64_t tombstone_ms = 24LL * 3600 * 1000;  ///< how long a departure is remembered
  int64_t exclusion_ms = 600'000;   ///< an id that is gone for so long may come back (Exclusion)
  int64_t lost_stamps_ms = 10'000;  ///< skipped by a restart while the clock is behind the store

  int64_t breaker_period_ms = 1'800'000;  ///< "lately" is between one and two of these
  DoubtRule doubt;

  // Between nodes.
  int64_t record_age_ms = 24LL * 3600 * 1000;  ///< age at which the bus drops tied records
  int64_t announce_ms = 8LL * 3600 * 1000;     ///< tied records are announced again this often
  int64_t rejoin_ms = 12LL * 3600 * 1000;      ///< a node out of touch for longer rejoins as new
  int64_t mark_ms = 60'000;       ///< how often the store is told that state is current
  int64_t beat_ms = 1'000;        ///< a node's sign of life to the others
  int64_t lost_after_ms = 5'000;  ///< without beats, a node counts as lost
  /// A silent node may come back: for so long nothing is written that it might not read.
  int64_t absent_node_ms = 12LL * 3600 * 1000;
  int64_t takeover_grace_ms = 30'000;    ///< then its sessions have so long to move by themselves
  int64_t peer_wait_ms = 3'000;          ///< a joining node waits so long to hear of another
  int64_t join_timeout_ms = 10'000;      ///< without bus and peer it then serves what it has
  int64_t snapshot_timeout_ms = 10'000;  ///< without progress another node is asked
  int64_t fetch_timeout_ms = 2'000;
  int64_t publish_timeout_ms = 10'000;
  int64_t publish_retry_ms = 500;
  int64_t correction_ms = 1'000;        ///< before others publish a merge that its author may
  int64_t unknown_session_ms = 60'000;  ///< how long instances wait for word of their session
  int64_t stall_ms = 500;               ///< a longer pause of this node is nobody else's silence
};

}  // namespace callbook::core
