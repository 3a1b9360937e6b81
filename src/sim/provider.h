#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/input.h"
#include "sdk/backoff.h"
#include "sim/checkers.h"
#include "sim/client_port.h"
#include "sim/random.h"
#include "sim/scheduler.h"
#include "sim/settings.h"

namespace callbook::sim {

/// What a provider has to offer, whichever process of it runs.
struct ProviderPlan {
  enum class Life : uint8_t {
    kAttached,    ///< a session, alive as long as its stream is
    kHeartbeats,  ///< a session, alive by requests
    kOwnTtl       ///< no session: each instance has its own TTL
  };
  struct Item {
    KeyIndex key = 0;
    std::string address;
    uint16_t port = 0;
    std::string zone;
  };
  Life life = Life::kAttached;
  int64_t ttl_ms = 0;  ///< 0: the server's choice
  std::vector<Item> items;
};

/// One process of a provider, as a good client library makes it: one session, kept by stream or
/// heartbeats; on silence or error it goes on at another node after a wait, resumes there, and
/// registers everything again; a session that is not known is replaced by a new one; one that is
/// superseded is the end. Never destroyed while the simulation runs: answers come late.
class Provider {
 public:
  /// All but `plan` are borrowed.
  Provider(Scheduler& scheduler, ClientPort& port, Random random, const Settings& settings,
           Checkers& checkers, ClientId client, ProviderPlan plan);
  ~Provider();
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  void start();
  /// Leaves in order: closes the session, or deregisters everything first.
  void stop();
  void die(bool with_machine);

  // What its people do. Each does nothing if it does not fit now.
  void update_one();
  void deregister_one();
  void register_one_again();
  void add_one(ProviderPlan::Item place);
  void move_away();  ///< to another node, for no reason

  // What befalls it.
  void pause(int64_t for_ms);  ///< SIGSTOP
  /// No longer listens at one of its ports, or all, or listens again at all of them.
  void close_port(bool all);
  void open_ports();

  /// Neither dead, nor stopped, nor superseded.
  bool running() const { return phase_ == Phase::kConnecting || phase_ == Phase::kConnected; }
  bool gone() const { return phase_ == Phase::kGone; }
  bool offers(uint32_t service) const;
  ClientId client() const { return client_; }
  const ProviderPlan& plan() const { return plan_; }
  size_t unwanted() const;
  uint64_t operations() const { return operations_; }
  uint64_t state_hash() const;

 private:
  class AttachSink;

  enum class Phase : uint8_t { kIdle, kConnecting, kConnected, kStopping, kGone };
  struct Item {
    ProviderPlan::Item place;
    uint32_t rev = 0;
    uint32_t weight = 100;
    bool wanted = true;
    bool settled = false;    ///< the registry has said what is wanted now
    bool in_flight = false;  ///< a call is under way in this era
    uint32_t refusals = 0;   ///< in a row
    core::Stamp after;       ///< the last stamp that was told
  };

  // The connection: provider.cpp.
  void connect();
  void open();
  void resume();
  void held(const ClientPort::Answer& answer, size_t node, int64_t begun_ms);
  void connected();
  void fail_over();
  void react(const base::Error& error, size_t node);
  void open_anew();
  void end(TrueProcess::End how);
  void drop_stream();
  void attach();
  /// Whether it promises heartbeats, also while its session is attached.
  bool speaks() const { return settings_.new_processes && owns_session() && process_ % 2 == 1; }
  /// What it tells of the epoch that it was told.
  uint32_t told_epoch() const { return settings_.client_tokens ? epoch_ : 0; }
  core::Stamp told_stamp() const { return settings_.client_tokens ? told_ : core::Stamp{}; }
  void beat();
  void beat_later();
  void heartbeat_session();
  void heartbeat_items();
  void watch_silence();
  void on_alive();
  /// Runs `action` then, or once the process runs again.
  void later(int64_t delay_ms, Scheduler::Action action);
  bool paused() const { return scheduler_.now_ms() < paused_until_ms_; }
  void listen(const ProviderPlan::Item& place);
  size_t other_node();
  bool owns_session() const { return plan_.life != ProviderPlan::Life::kOwnTtl; }

  // The instances: provider_items.cpp.
  void owe_all();
  void send_owed();
  void send(size_t index, size_t node);
  void send_registration(size_t index, size_t node, core::Ack ack);
  void send_deregistration(size_t index, size_t node, core::Ack ack);
  void answered(size_t index, OperationIndex number, uint64_t era, bool elsewhere,
                const ClientPort::Answer& answer);
  void settle(Item& item, const Operation& operation);
  void refused(size_t index, const base::Error& error, size_t node, bool elsewhere);
  void retry_item_later(size_t index);
  core::RegisterInstance registration_of(const Item& item) const;
  core::Ack draw_ack() { return random_.chance(0.1) ? core::Ack::kLogged : core::Ack::kLocal; }
  std::optional<size_t> pick(bool wanted);

  // What it says of its instances: provider_status.cpp.
  void say_status_later();
  void say_status();

  // Leaving in order: provider_stop.cpp.
  void close_session();
  void leave();
  void stop_step();
  void stopped_step(const ClientPort::Answer& answer);

  void say(std::string_view event, size_t node, std::string_view detail = {});

  Scheduler& scheduler_;
  ClientPort& port_;
  Random random_;
  Random status_random_;
  const Settings& settings_;
  Checkers& checkers_;
  const ClientId client_;
  const ProviderPlan plan_;
  ProcessNumber process_ = kNobody;
  std::vector<Item> items_;
  Phase phase_ = Phase::kIdle;
  uint64_t era_ = 0;  ///< grows with every change of connection: what an older one brings is stale
  size_t node_ = 0;
  sdk::Backoff backoff_;
  SessionIndex session_ = kNobody;
  core::Stamp told_;  ///< the highest that it was told
  uint32_t epoch_ = 0;
  int64_t heartbeat_ms_ = 0;
  uint32_t missed_ = 0;
  StreamId stream_ = 0;
  bool streaming_ = false;
  int64_t heard_ms_ = 0;
  uint32_t stop_tries_ = 0;
  bool stop_by_items_ = false;
  uint64_t operations_ = 0;
  int64_t paused_until_ms_ = 0;
};

}  // namespace callbook::sim
