#include "tests/sdk/scenario.h"

#include <gtest/gtest.h>

namespace callbook::sdk::testing {
namespace {

// Only a hang is meant to meet it, on however busy a machine.
constexpr int64_t kPatienceMs = 30'000;

}  // namespace

Scenario& Scenario::when(std::string name, std::function<bool()> condition,
                         std::function<void()> action) {
  steps_.push_back({std::move(name), std::move(condition), std::move(action)});
  return *this;
}

void Scenario::run() {
  const auto beat = loop_.every(1, [this] { advance(); });
  const auto patience = loop_.after(kPatienceMs, [this] { loop_.stop(); });
  loop_.run();
  if (done_ < steps_.size()) ADD_FAILURE() << "never came: " << steps_[done_].name;
}

void Scenario::advance() {
  while (done_ < steps_.size() && steps_[done_].condition()) steps_[done_++].action();
  if (done_ == steps_.size()) loop_.stop();
}

}  // namespace callbook::sdk::testing
