#include "node/board.h"

#include <algorithm>
#include <utility>

#include "node/peers.h"

namespace callbook::node {

void Board::put(const CoreReport& report) {
  const std::lock_guard lock(mutex_);
  core_ = report;
}

void Board::put(size_t front, const FrontReport& report) {
  const std::lock_guard lock(mutex_);
  fronts_[front] = report;
}

void Board::put(const ClusterReport& report) {
  std::vector<const ClusterReport::Peer*> serving;
  for (const ClusterReport::Peer& peer : report.peers) {
    const bool heard = peer.silent_ms <= Peers::kSilentMs;
    if (heard && (peer.serving || peer.stale) && !peer.leaving && !peer.http.empty())
      serving.push_back(&peer);
  }
  std::stable_sort(serving.begin(), serving.end(),
                   [](const auto* a, const auto* b) { return a->clients < b->clients; });
  auto others = std::make_shared<std::vector<std::string>>();
  for (const ClusterReport::Peer* peer : serving) others->push_back(peer->http);

  const std::lock_guard lock(mutex_);
  cluster_ = report;
  other_nodes_ = std::move(others);
}

void Board::put(std::vector<FollowReport> followed) {
  const std::lock_guard lock(mutex_);
  followed_ = std::move(followed);
}

void Board::put(const Probing::Stats& probing) {
  const std::lock_guard lock(mutex_);
  probing_ = probing;
}

uint64_t Board::connections() const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const FrontReport& front : fronts_) sum += front.http.connections_open;
  return sum;
}

Board::Addresses Board::other_nodes() const {
  const std::lock_guard lock(mutex_);
  return other_nodes_;
}

void Board::set_state(std::string state) {
  const std::lock_guard lock(mutex_);
  state_ = std::move(state);
}

Board::Snapshot Board::snapshot() const {
  const std::lock_guard lock(mutex_);
  return {state_, core_, fronts_, cluster_, followed_, probing_};
}

}  // namespace callbook::node
