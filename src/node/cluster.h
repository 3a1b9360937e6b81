#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/time.h"
#include "bus/bus.h"
#include "core/front.h"
#include "dialects/peer/peer_dialect.h"
#include "dialects/peer/snapshot_reader.h"
#include "net/event_loop.h"
#include "net/http_client.h"
#include "node/board.h"
#include "node/config.h"
#include "node/core_driver.h"
#include "node/direct_sender.h"
#include "node/heard_cards.h"
#include "node/name_search.h"
#include "node/peer_line.h"
#include "node/peers.h"
#include "node/report_sender.h"
#include "node/seen_poll.h"

namespace callbook::node {

/// What lies between core and the other nodes: the bus, their cards, their snapshots. Turns what
/// comes into inputs of core, and carries out what core asks for. Lives on the core's loop; wake()
/// and the Door's functions may be called on any thread.
class Cluster final : public CoreDriver::Others, public peer::PeerDialect::Door {
 public:
  struct Parts {
    net::EventLoop* loop = nullptr;  ///< the core's
    const base::Clock* clock = nullptr;
    base::Logger* logger = nullptr;
    CoreDriver* driver = nullptr;
    Board* board = nullptr;
    const core::NodeFacts* facts = nullptr;
    uint64_t boot = 0;
    /// The node may not serve: another one has its name.
    std::function<void(base::Error error)> give_up;
  };

  /// Borrows what is in `parts`. `asked` are other nodes to be asked at once, on the bus or not.
  Cluster(Parts parts, std::string cluster, std::vector<Endpoint> asked);
  ~Cluster() override;
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Once, before start().
  void set_bus(std::unique_ptr<bus::Bus> bus) { bus_ = std::move(bus); }
  /// The store is loaded: begins to connect.
  void start();
  /// Tells the others that this node is about to stop.
  void leave();
  /// Nothing comes from the bus any more, and nothing goes. May wait for an attempt to connect.
  void stop();
  /// The bus has something to take. Any thread.
  void wake();

  /// Asks every other node that is heard, and names those that are silent. Core's loop.
  void ask_seen(const core::SeenQuestion& question, SeenPoll::Done done);

  /// Another node that serves and is heard, each in its turn; none: there is none. Core's loop.
  std::optional<Endpoint> other_node() { return peers_.next_source(probed_from_, now_ms()); }

  // CoreDriver::Others
  void carry_out(const core::Outputs& outputs) override;
  void publish(const core::Publications& publications) override;
  bool bus_connected() const override { return bus_connected_; }
  void report() override;

  // PeerDialect::Door
  void hear(std::string card) override;
  const std::string& cluster() const override { return cluster_; }
  void take(peer::DirectRecordsPtr records) override;
  std::shared_ptr<const std::string> own_card() const override;
  std::vector<std::string> cards_of(core::NodeId node, uint64_t not_boot) const override {
    return heard_cards_.of(node, not_boot);
  }

 private:
  void search_name();
  void tend_search();
  void complain_of_rival(const Peers::Heard& heard);
  void take_events();
  void take(bus::Event& event);
  void take(bus::Batch batch);
  void take_card(std::string_view bytes, bool on_bus);
  void send_beat(const std::string& beat);
  void speak_directly();
  void drop_unused_lines();
  void speak(const Endpoint& endpoint, const std::string& card);
  void pass_on(const std::vector<core::ReportPassedOn>& reports);
  void tell(const core::DirectBatch& batch);
  std::optional<Endpoint> heard_node(core::NodeId node) const;
  void get_snapshot();
  void snapshot_ended(const base::Status& status);
  int64_t now_ms() const { return parts_.clock->now().mono_ms; }

  const Parts parts_;
  const std::string cluster_;
  const std::vector<Endpoint> asked_;
  std::unique_ptr<bus::Bus> bus_;
  Peers peers_;
  ClusterReport report_;
  bool running_ = false;
  bool leaving_ = false;
  std::string last_beat_;
  bool bus_connected_ = false;
  std::map<std::string, std::unique_ptr<PeerLine>> lines_;  ///< by endpoint; for beats
  ReportSender reports_;
  DirectSender direct_;
  std::string probed_from_;  ///< who was asked last to probe as well
  SeenPoll seen_;
  std::unique_ptr<peer::SnapshotReader> snapshot_;
  std::string snapshot_from_;
  std::string snapshot_complaint_;  ///< last logged, like the next
  std::string card_complaint_;
  std::unique_ptr<NameSearch> search_;  ///< until the node serves, or may not
  std::unique_ptr<net::EventLoop::Timer> search_timer_;
  std::set<uint64_t> rivals_;  ///< boots of nodes with this node's name, that were logged
  HeardCards heard_cards_;
  int64_t snapshot_heard_ms_ = 0;

  mutable std::mutex mutex_;
  std::shared_ptr<const std::string> own_card_;  // guarded by mutex_
};

}  // namespace callbook::node
