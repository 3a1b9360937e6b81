#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/input.h"
#include "core/output.h"
#include "net/event_loop.h"
#include "node/config.h"
#include "node/peer_line.h"
#include "node/prober.h"

namespace callbook::node {

/// Has core's probes carried out: here, and where core wants it from another node too. Who answers
/// either is there; refused is who refused all that asked; what one of them could not ask, or did
/// not answer in time, is the other's word alone. Lives on the core's loop; not thread-safe.
class Probing {
 public:
  using Outcome = core::ProbeResult::Outcome;
  using Deliver = std::function<void(const std::vector<core::ProbeResult>& results)>;
  /// Who is asked to probe as well; none: nobody.
  using OtherNode = std::function<std::optional<Endpoint>()>;

  Probing(net::EventLoop& loop, const base::Clock& clock, probe::ProberOptions options,
          Deliver deliver);
  ~Probing();
  Probing(const Probing&) = delete;
  Probing& operator=(const Probing&) = delete;

  void set_other_node(OtherNode other_node) { other_node_ = std::move(other_node); }
  void probe(std::vector<core::Probe> probes);
  /// For another node. Calls back once, unless this is destroyed before.
  void probe_for_another(std::vector<core::Probe> probes,
                         std::function<void(std::vector<Outcome>)> done);
  /// Asks no other node any more.
  void stop();

  struct Stats {
    uint64_t elsewhere = 0;           ///< probes that another node was asked for
    uint64_t answered_elsewhere = 0;  ///< of them, answered there and not here
    Prober::Stats here = {};
  };
  Stats stats() const;

  /// What two nodes found out, as one.
  static Outcome both(Outcome own, Outcome other);

 private:
  /// A probe of core's under way.
  struct Opinion {
    uint64_t ticket = 0;
    std::optional<core::ProbeResult> own;
    int64_t since_ms = 0;
    std::optional<Outcome> other;  ///< kUntested where nobody else is asked
    int64_t deadline_ms = 0;       ///< then the other's word is not waited for
  };
  /// What another node has asked for.
  struct Request {
    std::vector<Outcome> outcomes;
    size_t left = 0;
    int64_t deadline_ms = 0;  ///< then it is answered with what is known
    std::function<void(std::vector<Outcome>)> done;
  };
  struct Part {
    std::shared_ptr<Request> request;
    size_t index = 0;
  };

  void take(const std::vector<core::ProbeResult>& results);
  void take_part(const Part& part, Outcome outcome);
  void ask_other(const std::vector<core::Probe>& probes, std::vector<uint64_t> numbers);
  PeerLine* free_line(const Endpoint& node);
  void settle(uint64_t number);
  static core::ProbeResult joined(const Opinion& opinion);
  static void answer(Request& request);
  void expire();
  void deliver();

  net::EventLoop& loop_;
  const base::Clock& clock_;
  const Deliver deliver_;
  OtherNode other_node_;
  uint64_t last_number_ = 0;
  std::map<uint64_t, Opinion> opinions_;  ///< by number
  std::set<uint64_t> waiting_;            ///< of them, those that another node was asked for
  std::map<uint64_t, Part> parts_;        ///< by number
  std::vector<std::weak_ptr<Request>> requests_;
  std::vector<core::ProbeResult> results_;
  std::map<std::string, std::vector<std::unique_ptr<PeerLine>>> lines_;  ///< by endpoint
  std::unique_ptr<net::EventLoop::Timer> timer_;                         ///< while any wait
  Stats stats_;
  Prober prober_;  ///< last: nothing comes of it once the rest is gone
};

}  // namespace callbook::node
