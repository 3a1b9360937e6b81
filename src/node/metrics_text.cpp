#include "node/metrics_text.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "core/front.h"
#include "node/peers.h"

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
  /// One value for each of `of`, told apart by `label`.
  template <typename Each, typename Value>
  void of_each(std::string_view name, std::string_view help, std::string_view type,
               std::string_view label, const std::vector<Each>& of, std::string Each::*told_by,
               Value value) {
    fmt::format_to(std::back_inserter(out_), "# HELP callbook_{0} {1}\n# TYPE callbook_{0} {2}\n",
                   name, help, type);
    for (const Each& one : of) {
      fmt::format_to(std::back_inserter(out_), "callbook_{}{{{}=\"{}\"}} {}\n", name, label,
                     one.*told_by, value(one));
    }
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
    all.native.mute_streams += one.native.mute_streams;
    all.native.long_polls += one.native.long_polls;
    all.native.events_encoded += one.native.events_encoded;
    all.native.events_shared += one.native.events_shared;
    all.subscriptions += one.subscriptions;
  }
  return all;
}

bool is_heard(const ClusterReport::Peer& peer) {
  return peer.silent_ms <= Peers::kSilentMs;
}

/// Versions between what was applied and the end of a stream, as far as it is known.
uint64_t lag_of(const core::StreamPosition& head, const core::StreamPosition& applied) {
  if (head.generation != applied.generation) return head.version;
  return head.version > applied.version ? head.version - applied.version : 0;
}

/// The state that people are told: a node that serves may do so without the others.
std::string_view state_of(const Board::Snapshot& board) {
  const bool stale = board.state == "serving" && board.core.phase == core::Phase::kStale;
  return stale ? std::string_view("stale") : std::string_view(board.state);
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
  out.gauge("sessions_mute",
            "Of them, of sessions whose process sends no heartbeats: the connection counts as one.",
            all.native.mute_streams);
  out.gauge("long_polls", "Requests that wait for a change.", all.native.long_polls);
  out.gauge("subscriptions", "Services watched, summed over streams.", all.subscriptions);
  out.counter("events_encoded_total", "Watch events encoded.", all.native.events_encoded);
  out.counter("events_shared_total", "Watch events sent from an encoding made for another stream.",
              all.native.events_shared);
}

void write_prober(MetricWriter& out, const Prober::Stats& prober) {
  out.counter("probes_concluded_unasked_total",
              "Probes that waited at a host that was silent, and were concluded with it.",
              prober.concluded_unasked);
  out.counter("names_asked_total", "Look-ups of host names for probes.", prober.names_asked);
  out.counter("names_answered_total",
              "Of them, answered: with addresses, or with the word that there are none.",
              prober.names_answered);
}

void write_cluster(MetricWriter& out, const CoreReport& core, const ClusterReport& cluster,
                   const Probing::Stats& probing) {
  out.counter("probes_elsewhere_total", "Probes that another node was asked for as well.",
              probing.elsewhere);
  out.counter("probes_answered_elsewhere_total", "Of them, answered there and not here.",
              probing.answered_elsewhere);
  const auto lag = [&](core::Stream stream) {
    return lag_of(cluster.heads[index_of(stream)], cluster.positions[index_of(stream)]);
  };
  const auto heard = std::count_if(cluster.peers.begin(), cluster.peers.end(), is_heard);
  out.gauge("bus_connected", "1 while the bus takes and brings.",
            cluster.bus == "connected" ? 1 : 0);
  out.counter("bus_lost_total", "Times that the bus was lost.", cluster.bus_lost);
  out.gauge("bus_lag_tied", "Versions of the tied stream that are not applied here.",
            lag(core::Stream::kTied));
  out.gauge("bus_lag_lasting", "Versions of the lasting stream that are not applied here.",
            lag(core::Stream::kLasting));
  out.gauge("outbox", "Records that the bus is owed.", cluster.owed);
  out.counter("bus_published_total", "Messages published.", cluster.published);
  out.counter("bus_acknowledged_total", "Of them, acknowledged.", cluster.acknowledged);
  out.counter("bus_failed_total", "Of them, not acknowledged in time.", cluster.failed);
  out.counter("bus_messages_total", "Messages that the bus brought, own ones included.",
              cluster.messages);
  out.gauge("peers", "Other nodes known.", cluster.peers.size());
  out.gauge("peers_heard", "Of them, heard within the last seconds.", heard);
  out.gauge("isolated", "1 while neither the bus nor a majority of the nodes is heard.",
            cluster.isolated ? 1 : 0);
  out.gauge("features_withheld",
            "Features of records that are not written yet: a node that does not read them was "
            "heard lately, or may be away.",
            cluster.features_withheld);
  int64_t gap_ms = 0;
  for (const ClusterReport::Peer& peer : cluster.peers) {
    if (is_heard(peer)) gap_ms = std::max(gap_ms, std::abs(peer.clock_ahead_ms));
  }
  out.gauge("clock_gap_ms", "Largest gap to the wall clock of a node that is heard.", gap_ms);
  out.counter("cards_refused_total", "Times that what a node says of itself was passed over.",
              cluster.cards_refused);
  out.counter("name_conflicts_total", "Beats of another node under this node's name.",
              core.counters.name_conflicts);
  out.counter("not_understood_total",
              "Messages that a later release wrote in a form that this one does not read.",
              core.counters.not_understood);
  out.counter("sessions_moved_total", "Sessions taken over from other nodes by their clients.",
              core.counters.sessions_moved);
  out.counter("taken_over_total", "Sessions and own TTLs taken over from lost nodes.",
              core.counters.taken_over);
  out.counter("refuted_total", "Times that others believed dead what is alive here.",
              core.counters.refuted);
  out.counter("corrections_total", "Merges published because the bus held less.",
              core.counters.corrections);
  out.counter("repairs_total", "Times that digests differed and records were announced again.",
              core.counters.repairs);
  out.counter("told_directly_total",
              "Records sent to other nodes while the bus was away, repeats included.",
              core.counters.told_directly);
  out.counter("heard_directly_total", "Records that other nodes brought without the bus.",
              core.counters.heard_directly);
  out.counter("streams_reset_total", "Times that a stream was made anew or had lost its end.",
              core.counters.streams_reset);
  out.counter("snapshots_taken_total", "Times that this node joined by another's snapshot.",
              core.counters.snapshots);
  out.counter("replays_total", "Times that this node joined by a whole stream.",
              core.counters.replays);
}

bool is_stale(const FollowReport& followed) {
  return followed.silent_ms < 0 || followed.silent_ms > core::FollowedDatacenter::kStaleAfterMs;
}

void write_followed(MetricWriter& out, const std::vector<FollowReport>& all) {
  const auto each = [&](std::string_view name, std::string_view help, auto value) {
    out.of_each(name, help, "gauge", "datacenter", all, &FollowReport::datacenter, value);
  };
  each("followed_stale", "1 while another data center has not been heard for seconds.",
       [](const FollowReport& one) { return is_stale(one) ? 1 : 0; });
  each("followed_silent_ms", "Since it was heard; -1: not since the start.",
       [](const FollowReport& one) { return one.silent_ms; });
  each("followed_instances", "Instances of it that are shown here.",
       [](const FollowReport& one) { return one.instances; });
  out.of_each("followed_snapshots_total", "Times that all of it was got anew.", "counter",
              "datacenter", all, &FollowReport::datacenter,
              [](const FollowReport& one) { return one.snapshots; });
}

}  // namespace

std::string metrics_text(const Board::Snapshot& board, const core::NodeFacts& facts) {
  MetricWriter out;
  out.gauge("ready", "1 while the node serves.", board.state == "serving" ? 1 : 0);
  out.gauge("start_time_seconds", "When the node started, Unix time.",
            facts.started_wall_ms / 1000);
  write_core(out, board.core);
  write_store(out, board.core);
  write_prober(out, board.probing.here);
  if (board.cluster) write_cluster(out, board.core, *board.cluster, board.probing);
  if (!board.followed.empty()) write_followed(out, board.followed);
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
      .field("state", state_of(board))
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

namespace {

std::string_view state_of(const ClusterReport::Peer& node) {
  if (!is_heard(node)) return "silent";
  if (node.leaving) return "leaving";
  if (node.stale) return "stale";
  return node.serving ? "serving" : "joining";
}

/// One node of the list; `self` shows what only the node itself knows.
void append_node(base::JsonWriter& json, const ClusterReport::Peer& node,
                 const ClusterReport& cluster, bool self) {
  uint64_t lag = 0;
  for (size_t s = 0; s < core::kStreamCount; ++s) {
    lag += lag_of(cluster.heads[s], node.positions[s]);
  }
  const bool level = node.positions == cluster.positions;
  json.begin_object()
      .field("node", node.name)
      .field("http", node.http)
      .field("version", node.release)
      .field("self", self)
      .field("state", state_of(node))
      .field("silent_ms", node.silent_ms)
      .field("on_bus", node.on_bus)
      .field("lag", lag)
      .field("outbox", node.owed)
      .field("clients", node.clients)
      .field("sessions", node.sessions)
      .field("instances", node.instances)
      .field("clock_ahead_ms", node.clock_ahead_ms);
  // At other positions nodes may hold other records.
  json.field("digest", self                            ? "own"
                       : !level                        ? "unknown"
                       : node.digest == cluster.digest ? "equal"
                                                       : "differs");
  json.end_object();
}

}  // namespace

std::string nodes_json(const Board::Snapshot& board, const core::NodeFacts& facts) {
  const ClusterReport cluster = board.cluster.value_or(ClusterReport());
  const FrontReport fronts = sum(board.fronts);
  ClusterReport::Peer self;
  self.name = facts.name;
  self.http = facts.http;
  self.release = facts.version;
  self.clients = static_cast<uint32_t>(fronts.http.connections_open);
  self.sessions = board.core.counts.sessions;
  self.instances = board.core.counts.instances;
  self.owed = static_cast<uint32_t>(cluster.owed);
  self.on_bus = cluster.bus == "connected";
  self.serving = board.state == "serving";
  self.stale = self.serving && board.core.phase == core::Phase::kStale;
  self.positions = cluster.positions;

  std::string out;
  base::JsonWriter json(out);
  json.begin_object();
  json.key("bus").begin_object().field("state", board.cluster ? cluster.bus : "none");
  if (!cluster.bus_detail.empty()) json.field("detail", cluster.bus_detail);
  json.end_object();
  json.key("nodes").begin_array();
  append_node(json, self, cluster, true);
  for (const ClusterReport::Peer& peer : cluster.peers) append_node(json, peer, cluster, false);
  json.end_array();
  json.key("datacenters").begin_array();
  for (const FollowReport& one : board.followed) {
    json.begin_object()
        .field("dc", one.datacenter)
        .field("state", !one.whole      ? "unreached"
                        : is_stale(one) ? "stale"
                                        : "live")
        .field("source", one.source)
        .field("silent_ms", one.silent_ms)
        .field("services", one.services)
        .field("instances", one.instances)
        .end_object();
  }
  json.end_array().end_object();
  out += '\n';
  return out;
}

std::string readiness_json(const Board::Snapshot& board, bool ready) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_object().field("ready", ready).field("state", state_of(board));
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
