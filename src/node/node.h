#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "node/config.h"

namespace callbook::node {

/// A running registry node: wires store, core, threads, transports and dialects together, and
/// takes them apart in order. Made and run on one thread.
class Node {
 public:
  /// Borrows `logger`. REQUIRES check(config).ok().
  Node(Config config, base::Logger& logger);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Binds, loads the store, serves until SIGTERM, SIGINT or stop(), then drains. Calls
  /// `on_ready(line)` once when it serves, with the line for standard output. An error says what
  /// made it give up: an address in use, a damaged store.
  base::Status run(const std::function<void(const std::string& line)>& on_ready);

  /// What a node serves: "GET /v1/services/{service}", one of each route.
  static std::vector<std::string> routes();

  /// Ends run() as SIGTERM does. Thread-safe.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace callbook::node
