#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/siphash.h"
#include "base/time.h"
#include "base/unique_function.h"
#include "core/caller.h"
#include "core/input.h"
#include "core/limits.h"
#include "core/operator_act.h"
#include "core/output.h"
#include "core/published_catalog.h"

namespace callbook::core {

/// When a change counts as accepted.
enum class Ack : uint8_t {
  kLocal,  ///< applied and written: survives the death of the process
  kLogged  ///< on the disk too: survives the death of the machine
};

using Completion = base::UniqueFunction<void(const base::Result<Reply>&)>;

/// Where the instances of a service are looked for when the own data center has none that can be
/// called.
struct Failover {
  std::vector<std::string> usual;  ///< data centers, the first first
  std::map<ServiceKey, std::vector<std::string>> of_service;

  const std::vector<std::string>& order(const ServiceKey& service) const {
    const auto own = of_service.find(service);
    return own == of_service.end() ? usual : own->second;
  }
};

/// What a front-end is told of the node that it runs in.
struct NodeFacts {
  std::string name;
  std::string datacenter;
  std::string version;  ///< of the software
  std::string boot_id;  ///< new at every start; part of event ids
  std::string http;     ///< "127.0.0.1:7070", as clients reach it
  int64_t started_wall_ms = 0;
  bool clustered = false;       ///< one of many nodes
  base::SipKey stamp_key = {};  ///< all nodes of a cluster have the same one
  Failover failover = {};
};

/// Have all who watch a service been sent what was done to one instance of it?
struct SeenQuestion {
  InstanceKey instance;
  Stamp stamp;                  ///< of the change
  uint64_t version = 0;         ///< of the change, on this node
  int64_t deadline_ms = 0;      ///< of the monotonic clock
  bool of_override = false;     ///< it is an operator's: `stamp` is the override's
  bool heard_suffices = false;  ///< that the nodes know of it is enough; watchers do not count
};

/// What has not seen it.
struct Seen {
  uint64_t unseen = 0;     ///< watchers that it has not been sent to
  uint64_t unreached = 0;  ///< nodes that are heard, and did not say that it has come to them
  std::vector<std::string> unheard = {};     ///< their names, and those of nodes that are silent
  std::vector<std::string> cannot_say = {};  ///< of them, nodes of a release that can't say
  std::string bus = {};  ///< why it may be so: "away", "connecting", "refused"; empty: connected
  bool all() const { return unseen == 0 && unreached == 0; }
  bool heard() const { return unheard.empty() && unreached == 0; }
};

/// Another data center, as it is shown on one thread.
struct FollowedDatacenter {
  /// Silent for longer, what is shown of it may be old, and says so.
  static constexpr int64_t kStaleAfterMs = 5'000;

  std::string name;
  PublishedCatalog catalog;
  bool whole = false;    ///< all of it has been heard of once
  int64_t heard_ms = 0;  ///< monotonic: a node of it, in touch with its others, was heard last; 0:
                         ///< none has been

  bool is_stale(int64_t now_ms) const { return heard_ms == 0 || now_ms - heard_ms > kStaleAfterMs; }
};

/// Who is told of every record that is stored; destroying it ends that.
class RecordsTail {
 public:
  virtual ~RecordsTail() = default;
};

/// How a front-end (a dialect on one I/O thread) reaches the running registry. The node implements
/// it; tests implement it synchronously over a Registry. One per thread; not thread-safe, and
/// everything it calls back is called on its own thread.
class Front {
 public:
  virtual ~Front() = default;

  /// Applies `input`; calls `done` exactly once, after the change is visible in catalog() and has
  /// reached what `ack` asks for. With kLogged it may fail with kAppliedNotLogged. `caller`: who
  /// asks for it. What is to be logged of it is logged by the node.
  virtual void submit(Input input, Ack ack, Caller caller, Completion done) = 0;
  /// The same for what no client has asked for.
  void submit(Input input, Ack ack, Completion done) {
    submit(std::move(input), ack, Caller(), std::move(done));
  }

  /// For the log: an operator's act that the dialect refuses without asking the registry.
  virtual void note_refusal(RefusedAct refused) = 0;

  /// This thread's copy of what is published.
  virtual PublishedCatalog& catalog() = 0;

  /// Calls `done` with 0 once every subscriber of `service`, on all threads of this node, has been
  /// sent it as it is at `version` or later; or at `deadline_ms` (of the monotonic clock) with how
  /// many have not.
  virtual void when_seen(ServiceKey service, uint64_t version, int64_t deadline_ms,
                         base::UniqueFunction<void(size_t unseen)> done) = 0;

  /// The same on every node that is heard; `done` is called at the deadline, or when all have seen
  /// it.
  virtual void when_seen_everywhere(SeenQuestion question,
                                    base::UniqueFunction<void(Seen)> done) = 0;

  /// Has connections tried for another node; `done` is told what came of each, in order.
  virtual void probe(std::vector<Probe> probes,
                     base::UniqueFunction<void(std::vector<ProbeResult::Outcome>)> done) = 0;

  /// This thread's view of another data center; null if it is not followed here.
  virtual FollowedDatacenter* followed(std::string_view datacenter) = 0;
  /// Their names.
  virtual std::vector<std::string> followed_names() const = 0;

  /// From now on tells of all that is stored, in order, and about once a second even of nothing.
  /// `in_touch`: this node hears the others of its cluster. What an answer to submit() shows was
  /// told before, or is told behind it.
  using OnRecords = std::function<void(const RecordBatch& records, bool in_touch)>;
  virtual std::unique_ptr<RecordsTail> follow_records(OnRecords on_records) = 0;

  virtual bool ready() const = 0;  ///< loaded: reads and writes are answered
  virtual const NodeFacts& facts() const = 0;
  virtual const Limits& limits() const = 0;
  virtual base::Now now() const = 0;
  /// 128 fresh random bits.
  virtual SessionId new_session_id() = 0;

  /// The node's own pages, written by the node: metrics as Prometheus text, status and readiness
  /// as JSON objects.
  virtual std::string metrics_text() = 0;
  virtual std::string status_json() = 0;
  virtual std::string readiness_json() = 0;
  /// Of all nodes: who they are, where, and how far.
  virtual std::string nodes_json() = 0;
  /// Where clients may turn to besides this node.
  using Addresses = std::shared_ptr<const std::vector<std::string>>;
  virtual Addresses other_nodes() const = 0;
};

}  // namespace callbook::core
