#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "core/node_beat.h"
#include "net/event_loop.h"
#include "node/config.h"
#include "node/name_claim.h"
#include "node/peer_line.h"

namespace callbook::node {

/// Finds out, before this node serves, whether another one has its name: asks the nodes that it is
/// told of or hears, and the address that a bearer of the name advertised last. NameClaim judges by
/// what comes. Lives on one loop; not thread-safe.
class NameSearch {
 public:
  struct Self {
    std::string name;
    std::string cluster;  ///< cards of another cluster say nothing
    std::string http;     ///< not asked: it is this node
    uint64_t boot = 0;
  };
  struct Callbacks {
    std::function<void(core::ClaimName::Stage stage)> on_stage;  ///< whenever it changes
    std::function<void(const NameBearer& other)> on_taken;       ///< once; nothing follows
    std::function<void(std::string card)> on_card;  ///< of a node that has answered, as its beat
  };

  /// Borrows `loop` and `clock`. `told` are nodes to ask whether they are heard or not.
  NameSearch(net::EventLoop& loop, const base::Clock& clock, Self self,
             const std::vector<Endpoint>& told, Callbacks callbacks);
  ~NameSearch();
  NameSearch(const NameSearch&) = delete;
  NameSearch& operator=(const NameSearch&) = delete;

  /// A beat came, of whatever node; `http` is where that node is reached.
  void heard(const core::NodeBeat& beat, const std::string& http);
  /// Every 100 ms or so. on_stage and on_taken are called from here, on_card when a node answers;
  /// none of them may destroy this.
  void tick(bool bus_connected);

 private:
  /// A node that is asked, in every round once.
  struct Asked {
    std::unique_ptr<PeerLine> line;
    bool told = false;  ///< asked again and again, since it may have to start first
    uint32_t sent_round = 0;
    uint32_t done_round = 0;
    int64_t sent_ms = 0;
  };

  void note(const std::string& http, bool told);
  void ask(const std::string& http, Asked& asked);
  void answered(const std::string& http, const base::Result<std::string>& body);
  bool asking() const;
  void go_on(bool bus_connected);

  net::EventLoop& loop_;
  const base::Clock& clock_;
  const Self self_;
  const Callbacks callbacks_;
  NameClaim claim_;
  core::ClaimName::Stage told_stage_ = core::ClaimName::Stage::kListening;
  /// The second round asks the nodes that have heard this one's beats: so do those of a node that
  /// started at the same time.
  bool second_round_ = false;
  uint32_t round_ = 1;  ///< grows
  bool taken_ = false;
  std::map<std::string, Asked> asked_;  ///< by endpoint
};

/// What an operator is told of a node that may not serve.
base::Error name_taken(const std::string& own_name, const NameBearer& other);

}  // namespace callbook::node
