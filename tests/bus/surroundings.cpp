#include "tests/bus/surroundings.h"

#include <gtest/gtest.h>

namespace callbook::testing {
namespace {

/// A cluster that has lost a leader may need more than ten seconds for one stream (measured).
constexpr int64_t kPatienceMs = 90'000;

}  // namespace

Node& Surroundings::add_node() {
  nodes_.push_back(std::make_unique<Node>(make_bus(nodes_.size())));
  return *nodes_.back();
}

void Surroundings::pump() {
  for (const auto& node : nodes_) node->pump();
}

bool Surroundings::wait_until(const std::string& what, const std::function<bool()>& condition) {
  const int64_t deadline_ms = now_ms() + kPatienceMs;
  while (true) {
    pump();
    if (condition()) return true;
    if (now_ms() >= deadline_ms) break;
    step();
  }
  ADD_FAILURE() << "waited in vain: " << what;
  return false;
}

void Surroundings::settle() {
  // Heads that were asked for after the last publication.
  std::vector<uint64_t> before;
  for (const auto& node : nodes_) before.push_back(node->times_heads());
  wait_until("all nodes have all", [&] {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = *nodes_[i];
      if (!node.connected() || node.times_heads() < before[i] + 2) return false;
      for (const bus::Stream stream : {bus::Stream::kTied, bus::Stream::kLasting}) {
        const bus::Position at = node.position(stream);
        const bus::Position head = node.head(stream);
        if (at.generation != head.generation || at.version < head.version) return false;
      }
    }
    return true;
  });
}

}  // namespace callbook::testing
