#include "net/prober.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <list>
#include <map>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "net/event_loop_impl.h"

namespace callbook::net {
namespace {

/// A time-out that fires so much later was no time-out of the target's.
constexpr int64_t kLateMs = 250;

using Clock = std::chrono::steady_clock;

bool is_metadata(const asio::ip::address_v6& address) {
  constexpr asio::ip::address_v6::bytes_type kAmazon = {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0,    0,
                                                        0,    0,    0,    0,    0, 0, 0x02, 0x54};
  return address.to_bytes() == kAmazon;
}

bool may_probe_v4(const asio::ip::address_v4& address) {
  const uint32_t bits = address.to_uint();
  const bool link_local = bits >> 16 == 0xA9FE;  // 169.254/16, with most clouds' metadata
  const bool alibaba_metadata = bits == 0x646464C8;
  const bool this_network = bits >> 24 == 0;
  return !link_local && !alibaba_metadata && !this_network && !address.is_multicast() &&
         bits != 0xFFFFFFFF;
}

ProbeOutcome outcome_of(const boost::system::error_code& error) {
  if (!error) return ProbeOutcome::kAnswered;
  if (error == asio::error::connection_refused) return ProbeOutcome::kRefused;
  if (error == asio::error::timed_out || error == asio::error::host_unreachable) {
    return ProbeOutcome::kSilent;
  }
  return ProbeOutcome::kUntested;
}

}  // namespace

bool may_probe(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  if (error) return false;
  if (parsed.is_v4()) return may_probe_v4(parsed.to_v4());
  const auto v6 = parsed.to_v6();
  if (v6.is_v4_mapped()) {
    return may_probe_v4(asio::ip::make_address_v4(asio::ip::v4_mapped, v6));
  }
  return !v6.is_unspecified() && !v6.is_multicast() && !v6.is_link_local() && !is_metadata(v6);
}

class Prober::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(EventLoop& loop, ProbeLimits limits) : io_(loop.impl().io), limits_(limits) {}

  void add(const std::string& address, uint16_t port, int64_t timeout_ms,
           std::function<void(ProbeOutcome)> done) {
    if (!may_probe(address) || port == 0 || waiting_.size() >= limits_.max_waiting) {
      asio::post(io_, [self = shared_from_this(), done = std::move(done)] {
        if (!self->stopped_) done(ProbeOutcome::kUntested);
      });
      return;
    }
    waiting_.push_back({asio::ip::make_address(address), port, timeout_ms, std::move(done)});
    start_waiting();
  }

  void stop() {
    stopped_ = true;
    waiting_.clear();
  }

 private:
  struct Wanted {
    asio::ip::address address;
    uint16_t port;
    int64_t timeout_ms;
    std::function<void(ProbeOutcome)> done;
  };
  struct Attempt {
    Attempt(asio::io_context& io, Wanted asked)
        : socket(io), timer(io), wanted(std::move(asked)), began(Clock::now()) {}
    Socket socket;
    SteadyTimer timer;
    Wanted wanted;
    Clock::time_point began;
    bool over = false;
  };

  void start_waiting() {
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (in_flight_ >= limits_.max_in_flight) return;
      if (at_address_[it->address] >= limits_.max_per_address) {
        ++it;
        continue;
      }
      Wanted next = std::move(*it);
      it = waiting_.erase(it);
      start(std::move(next));
    }
  }

  void start(Wanted wanted) {
    ++in_flight_;
    ++at_address_[wanted.address];
    auto attempt = std::make_shared<Attempt>(io_, std::move(wanted));
    const Tcp::endpoint endpoint(attempt->wanted.address, attempt->wanted.port);
    boost::system::error_code error;
    attempt->socket.open(endpoint.protocol(), error);
    if (error) {
      asio::post(io_, [self = shared_from_this(), attempt] {
        self->finish(*attempt, ProbeOutcome::kUntested);
      });
      return;
    }
    attempt->timer.expires_after(std::chrono::milliseconds(attempt->wanted.timeout_ms));
    attempt->timer.async_wait(
        [self = shared_from_this(), attempt](const boost::system::error_code& cancelled) {
          if (!cancelled) self->time_out(*attempt);
        });
    attempt->socket.async_connect(
        endpoint, [self = shared_from_this(), attempt](const boost::system::error_code& result) {
          self->finish(*attempt, outcome_of(result));
        });
  }

  void time_out(Attempt& attempt) {
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - attempt.began);
    const bool late = took.count() > attempt.wanted.timeout_ms + kLateMs;
    finish(attempt, late ? ProbeOutcome::kUntested : ProbeOutcome::kSilent);
  }

  void finish(Attempt& attempt, ProbeOutcome outcome) {
    if (std::exchange(attempt.over, true)) return;
    attempt.timer.cancel();
    boost::system::error_code ignored;
    // Reset: nothing was said, and nothing of it is to be left behind.
    attempt.socket.set_option(asio::socket_base::linger(true, 0), ignored);
    attempt.socket.close(ignored);
    --in_flight_;
    const auto place = at_address_.find(attempt.wanted.address);
    if (--place->second == 0) at_address_.erase(place);
    if (stopped_) return;
    attempt.wanted.done(outcome);
    start_waiting();
  }

  asio::io_context& io_;
  const ProbeLimits limits_;
  std::list<Wanted> waiting_;
  std::map<asio::ip::address, size_t> at_address_;
  size_t in_flight_ = 0;
  bool stopped_ = false;
};

Prober::Prober(EventLoop& loop, ProbeLimits limits) : impl_(std::make_shared<Impl>(loop, limits)) {}

Prober::~Prober() {
  impl_->stop();
}

void Prober::probe(const std::string& address, uint16_t port, int64_t timeout_ms,
                   std::function<void(ProbeOutcome)> done) {
  impl_->add(address, port, timeout_ms, std::move(done));
}

}  // namespace callbook::net
