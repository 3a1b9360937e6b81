#include "node/metrics_text.h"

#include <fmt/format.h>

#include "base/json_writer.h"

namespace callbook::node {
namespace {

class MetricWriter {
 public:
  template <typename Number>
  void gauge(std::string_view name, std::string_view help, Number value) {
    write(name, help, "gauge", value);
  }
  template <typename Number>
  void counter(std::string_view name, std::string_view help, Number value) {
    write(name, help, "counter", value);
  }
  std::string take() { return std::move(out_); }

 private:
  template <typename Number>
  void write(std::string_view name, std::string_view help, std::string_view type, Number value) {
    fmt::format_to(std::back_inserter(out_),
                   "# HELP callbook_{0} {1}\n# TYPE callbook_{0} {2}\ncallbook_{0} {3}\n", name,
                   help, type, value);
  }
  std::string out_;
};

FrontReport sum(const std::vector<FrontReport>& fronts) {
  FrontReport all;
  for (const FrontReport& one : fronts) {
    all.http.connections_open += one.http.connections_open;
    all.http.connections_accepted += one.http.connections_accepted;
    all.http.connections_refused += one.http.connections_refused;
    all.http.requests += one.http.requests;
    all.http.refused_requests += one.http.refused_requests;
    all.http.streams_open += one.http.streams_open;
    all.native.watch_streams += one.native.watch_streams;
    all.native.attach_streams += one.native.attach_streams;
    all.native.long_polls += one.native.long_polls;
    all.native.events_encoded += one.native.events_encoded;
    all.native.events_shared += one.native.events_shared;
    all.subscriptions += one.subscriptions;
  }
  return all;
}

void write_core(MetricWriter& out, const CoreReport& core) {
  out.gauge("services", "Services known, departures included.", core.counts.services);
  out.gauge("instances", "Registered instances.", core.counts.instances);
  out.gauge("sessions", "Open sessions.", core.counts.sessions);
  out.gauge("tombstones", "Departures that are remembered.", core.counts.tombstones);
  out.gauge("version", "Version of the last change.", core.version);
  out.counter("inputs_total", "Inputs applied or refused by the core.", core.inputs);
  out.counter("inputs_refused_total", "Inputs refused by the core.", core.refused);
  out.counter("registrations_total", "Registrations, unchanged ones included.", core.registered);
  out.counter("deregistrations_total", "Deregistrations by request.", core.deregistered);
  out.counter("sessions_opened_total", "Sessions opened.", core.sessions_opened);
  out.counter("sessions_closed_total", "Sessions closed by request.", core.sessions_closed);
  out.counter("sessions_expired_total", "Sessions that lapsed.", core.sessions_expired);
  out.counter("instances_expired_total", "Instances whose own TTL lapsed.", core.instances_expired);
  out.counter("heartbeats_total", "Heartbeats of sessions and instances.", core.heartbeats);
  out.counter("batches_total", "Batches of inputs that the core applied.", core.batches);
  out.counter("publications_total", "Publications to the I/O threads.", core.publications);
  out.gauge("suspects", "Sessions and own TTLs that are not heard of as they should be.",
            core.suspects);
  out.counter("suspected_total", "Times that one was not heard of as it should be.",
              core.counters.suspected);
  out.counter("reported_total", "Times that one was probed because consumers reported it.",
              core.counters.reported);
  out.counter("probes_total", "Connections tried to those that are not heard of.",
              core.counters.probes);
  out.counter("probe_rounds_answered_total", "Rounds of probes in which somebody answered.",
              core.counters.probes_answered);
  out.counter("probe_rounds_refused_total", "Rounds of probes that were refused.",
              core.counters.probes_refused);
  out.counter("probe_rounds_silent_total", "Rounds of probes in which nothing came back.",
              core.counters.probes_silent);
  out.counter("checks_total", "Declared checks made.", core.counters.checks);
  out.counter("checks_failed_total", "Declared checks that failed.", core.counters.checks_failed);
  out.counter("breakers_tripped_total",
              "Times that too many of a service or zone were unreachable to be believed dead.",
              core.counters.breakers_tripped);
  out.gauge("observer_doubtful",
            "1 while this node hears too little to remove anybody for silence.",
            core.doubtful ? 1 : 0);
  out.gauge("loop_lag_ms", "Longest delay of the core's tick since the last look.",
            core.loop_lag_ms);
}

void write_store(MetricWriter& out, const CoreReport& core) {
  if (core.in_memory) return;
  out.gauge("store_degraded", "1 while writes do not reach the disk.",
            core.degraded.empty() ? 0 : 1);
  out.gauge("store_bytes", "Bytes of the store's files.", core.store.bytes);
  out.gauge("store_segments", "Segments of the store.", core.store.segments);
  out.counter("store_records_total", "Records appended.", core.store.appended_records);
  out.counter("store_appended_bytes_total", "Bytes appended.", core.store.appended_bytes);
  out.counter("store_syncs_total", "Group commits.", core.store.syncs);
  out.counter("store_write_failures_total", "Writes that failed.", core.store.write_failures);
  out.counter("store_sync_failures_total", "Syncs that failed.", core.store.sync_failures);
  out.counter("store_rewrites_total", "Rewrites finished.", core.store.rewrites);
  out.gauge("store_rewriting", "1 while a rewrite is under way.", core.rewriting ? 1 : 0);
}

void write_fronts(MetricWriter& out, const FrontReport& all) {
  out.gauge("http_connections", "Open connections.", all.http.connections_open);
  out.counter("http_connections_total", "Connections accepted.", all.http.connections_accepted);
  out.counter("http_connections_refused_total", "Connections over the limit.",
              all.http.connections_refused);
  out.counter("http_requests_total", "Requests served.", all.http.requests);
  out.counter("http_requests_refused_total", "Requests malformed, too large or too slow.",
              all.http.refused_requests);
  out.gauge("http_streams", "Open streams.", all.http.streams_open);
  out.gauge("watches", "Open watch streams.", all.native.watch_streams);
  out.gauge("attachments", "Open attach streams.", all.native.attach_streams);
  out.gauge("long_polls", "Requests that wait for a change.", all.native.long_polls);
  out.gauge("subscriptions", "Services watched, summed over streams.", all.subscriptions);
  out.counter("events_encoded_total", "Watch events encoded.", all.native.events_encoded);
  out.counter("events_shared_total", "Watch events sent from an encoding made for another stream.",
              all.native.events_shared);
}

}  // namespace

std::string metrics_text(const Board::Snapshot& board, const core::NodeFacts& facts) {
  MetricWriter out;
  out.gauge("ready", "1 while the node serves.", board.state == "serving" ? 1 : 0);
  out.gauge("start_time_seconds", "When the node started, Unix time.",
            facts.started_wall_ms / 1000);
  write_core(out, board.core);
  write_store(out, board.core);
  write_fronts(out, sum(board.fronts));
  return out.take();
}

std::string status_json(const Board::Snapshot& board, const core::NodeFacts& facts, base::Now now) {
  std::string out;
  base::JsonWriter json(out);
  const FrontReport all = sum(board.fronts);
  json.begin_object()
      .field("node", facts.name)
      .field("datacenter", facts.datacenter)
      .field("version", facts.version)
      .field("boot_id", facts.boot_id)
      .field("http", facts.http)
      .field("state", board.state)
      .field("uptime_ms", now.wall_ms - facts.started_wall_ms)
      .field("services", board.core.counts.services)
      .field("instances", board.core.counts.instances)
      .field("sessions", board.core.counts.sessions)
      .field("watches", uint64_t{all.native.watch_streams})
      .field("connections", all.http.connections_open)
      .field("catalog_version", board.core.version);
  json.field("store", board.core.in_memory          ? "memory"
                      : board.core.degraded.empty() ? "ok"
                                                    : "degraded");
  json.end_object();
  out += '\n';
  return out;
}

std::string readiness_json(const Board::Snapshot& board, bool ready) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_object().field("ready", ready).field("state", board.state);
  json.key("store").begin_object();
  if (board.core.in_memory) {
    json.field("state", "memory");
  } else if (board.core.degraded.empty()) {
    json.field("state", "ok");
  } else {
    json.field("state", "degraded").field("detail", board.core.degraded);
  }
  json.end_object().end_object();
  out += '\n';
  return out;
}

}  // namespace callbook::node
