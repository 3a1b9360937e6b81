#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"

namespace callbook::sdk::testing {

/// A test as a list of steps on one event loop: each waits for its condition, then acts. A step
/// whose condition never comes fails the test, naming it.
class Scenario {
 public:
  explicit Scenario(net::EventLoop& loop) : loop_(loop) {}

  Scenario& when(
      std::string name, std::function<bool()> condition, std::function<void()> action = [] {});
  /// Runs the loop until all steps are done.
  void run();

 private:
  struct Step {
    std::string name;
    std::function<bool()> condition;
    std::function<void()> action;
  };

  void advance();

  net::EventLoop& loop_;
  std::vector<Step> steps_;
  size_t done_ = 0;
};

}  // namespace callbook::sdk::testing
