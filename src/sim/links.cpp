#include "sim/links.h"

#include <algorithm>

#include "base/check.h"

namespace callbook::sim {
namespace {

constexpr int64_t kLeastTravelMs = 1;
constexpr int64_t kUsualTravelMs = 3;
constexpr int64_t kResendMs = 200;           // TCP's first retransmission; it doubles each time
constexpr int64_t kLongestMendingMs = 1000;  // until a sender that backed off tries again
constexpr int64_t kOvertakingMs = 60;
constexpr Endpoint kMostEndpoints = 1'000'000;

}  // namespace

Links::Links(Scheduler& scheduler, size_t nodes, Random random)
    : scheduler_(scheduler), nodes_(nodes), random_(random), from_node_(nodes), to_node_(nodes) {}

Links::Path& Links::path(Endpoint from, Endpoint to) {
  const bool ours = from < nodes_;
  CALLBOOK_CHECK(ours || to < nodes_);
  const Endpoint other = ours ? to : from;
  CALLBOOK_CHECK(other < kMostEndpoints);
  std::vector<Path>& paths = ours ? from_node_[from] : to_node_[to];
  if (other >= paths.size()) paths.resize(other + 1);
  return paths[other];
}

const Links::Trouble& Links::trouble_between(Endpoint from, Endpoint to) const {
  const Endpoint other = std::max(from, to);
  const Kind kind = other < nodes_ ? Kind::kPeer : other == nodes_ ? Kind::kBus : Kind::kClient;
  return troubles_[static_cast<size_t>(kind)];
}

int64_t Links::travel_ms(const Trouble& trouble) {
  int64_t travel_ms = random_.between(kLeastTravelMs, kUsualTravelMs);
  if (trouble.delayed > 0 && random_.chance(trouble.delayed)) {
    travel_ms += random_.between(1, std::max<int64_t>(1, trouble.delay_ms));
  }
  if (trouble.reordered > 0 && random_.chance(trouble.reordered)) {
    travel_ms += random_.between(1, kOvertakingMs);
  }
  return travel_ms;
}

void Links::send(Endpoint from, Endpoint to, Order& order, Action arrived) {
  Path& way = path(from, to);
  if (way.cuts > 0) {
    way.held.push_back({order.last_ms, std::move(arrived)});
    return;
  }
  const Trouble& trouble = trouble_between(from, to);
  int64_t travel = travel_ms(trouble);
  if (trouble.lost > 0 && random_.chance(trouble.lost)) {
    travel += kResendMs << random_.between(0, 3);
  }
  order.last_ms = std::max({order.last_ms, way.not_before_ms, scheduler_.now_ms() + travel});
  scheduler_.at(order.last_ms, std::move(arrived));
}

void Links::send_datagram(Endpoint from, Endpoint to, const std::function<void()>& arrived) {
  if (path(from, to).cuts > 0) return;
  const Trouble& trouble = trouble_between(from, to);
  const bool repeated = trouble.repeated > 0 && random_.chance(trouble.repeated);
  const int64_t copies = repeated ? random_.between(2, 3) : 1;
  for (int64_t copy = 0; copy < copies; ++copy) {
    if (trouble.lost > 0 && random_.chance(trouble.lost)) continue;
    scheduler_.after(travel_ms(trouble), arrived);
  }
}

void Links::cut(Endpoint from, Endpoint to) {
  Path& way = path(from, to);
  if (way.cuts++ == 0) way.dead_since_ms = scheduler_.now_ms();
}

void Links::mend(Endpoint from, Endpoint to) {
  Path& way = path(from, to);
  CALLBOOK_CHECK(way.cuts > 0);
  if (--way.cuts > 0 || way.held.empty()) return;
  int64_t at_ms = scheduler_.now_ms() + random_.between(kLeastTravelMs, kLongestMendingMs);
  for (Held& held : way.held) {
    at_ms = std::max(at_ms, held.not_before_ms);
    scheduler_.at(at_ms, std::move(held.arrived));
  }
  way.held.clear();
  way.not_before_ms = std::max(way.not_before_ms, at_ms);
}

int64_t Links::dead_for_ms(Endpoint from, Endpoint to) {
  const Path& way = path(from, to);
  return way.cuts == 0 ? 0 : scheduler_.now_ms() - way.dead_since_ms;
}

}  // namespace callbook::sim
