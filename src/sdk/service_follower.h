#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "net/prober.h"
#include "sdk/instance_list.h"
#include "sdk/local_health.h"
#include "sdk/service_state.h"

namespace callbook::sdk {

/// The side of a service that the client's thread holds: brings together what the registry lists
/// and what this process finds out, and publishes it to the users' side. Loop's thread only.
class ServiceFollower {
 public:
  /// Tells the registry that an instance fails here.
  using Report = std::function<void(const ServiceName& service, const std::string& id)>;

  /// Borrows `loop` and `prober`.
  ServiceFollower(std::shared_ptr<ServiceState> state, std::string own_zone, net::EventLoop& loop,
                  net::Prober& prober, Report report);

  /// Another list is in force.
  void take(const InstanceList& list, Source source);
  void take(const Feedback& feedback);

  ServiceState& state() { return *state_; }
  const InstanceList& list() const { return list_; }

 private:
  void take_candidates(const InstanceList& list);
  void perform(const LocalHealth::Actions& actions);
  void probe(const LocalHealth::Probe& wanted);
  void set_timer();
  void publish();
  void mark(Candidate& candidate, const std::string& id) const;
  Selection::Home home_of(const std::vector<Member>& members) const;
  int64_t now_ms() const { return clock_.now().mono_ms; }

  const std::shared_ptr<ServiceState> state_;
  const std::string own_zone_;
  net::EventLoop& loop_;
  net::Prober& prober_;
  const Report report_;
  const net::SystemClock clock_;
  InstanceList list_;
  Source source_ = Source::kNone;
  LocalHealth health_;
  std::vector<std::shared_ptr<Candidate>> candidates_;  // of list_, in its order
  std::unique_ptr<net::EventLoop::Timer> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace callbook::sdk
