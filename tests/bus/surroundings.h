#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "tests/bus/node.h"

namespace callbook::testing {

/// A bus with the nodes on it, and what may happen to it: what the contract is tested with.
class Surroundings {
 public:
  virtual ~Surroundings() = default;

  Node& add_node();
  Node& node(size_t index) { return *nodes_[index]; }
  /// Lets things happen until the condition holds; fails the test if it never does.
  bool wait_until(const std::string& what, const std::function<bool()>& condition);
  /// Until every node has applied all that the streams hold.
  void settle();

  /// The bus ends for everybody, at once, and comes back with what it had acknowledged.
  virtual void take_away() = 0;
  virtual void bring_back() = 0;
  /// An operator deletes a stream. Somebody makes it anew.
  virtual void recreate(bus::Stream stream) = 0;
  /// So many publications may be in flight.
  virtual size_t max_publications() const = 0;

 protected:
  virtual std::unique_ptr<bus::Bus> make_bus(size_t index) = 0;
  /// Something may happen now, or some time passes.
  virtual void step() = 0;
  /// Time since the beginning, real or simulated.
  virtual int64_t now_ms() = 0;
  /// Destructors of derived classes call it: nodes go before what they stand on.
  void drop_nodes() { nodes_.clear(); }

 private:
  void pump();

  std::vector<std::unique_ptr<Node>> nodes_;
};

inline constexpr int64_t kLongAgeMs = 24LL * 3600 * 1000;

/// `tied_age_ms`: when messages of the tied stream are dropped.
using MakeSurroundings = std::unique_ptr<Surroundings> (*)(int64_t tied_age_ms);
std::unique_ptr<Surroundings> make_simulated(int64_t tied_age_ms);
std::unique_ptr<Surroundings> make_one_server(int64_t tied_age_ms);
std::unique_ptr<Surroundings> make_three_servers(int64_t tied_age_ms);

}  // namespace callbook::testing
