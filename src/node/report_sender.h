#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dialects/peer/report_codec.h"
#include "net/event_loop.h"
#include "node/config.h"
#include "node/peer_line.h"

namespace callbook::node {

/// Brings consumers' reports to the homes of the instances. One request at a time to each node;
/// what comes meanwhile waits for the next. What a node does not take is lost: consumers report
/// again. Lives on one loop; not thread-safe.
class ReportSender {
 public:
  explicit ReportSender(net::EventLoop& loop) : loop_(loop) {}

  /// Beyond peer::kMaxReports that wait for a node, `report` is dropped.
  void send(const Endpoint& home, peer::ReportItem report);
  void stop() { ways_.clear(); }

 private:
  struct Way {
    std::unique_ptr<PeerLine> line;
    std::vector<peer::ReportItem> waiting;
  };
  void flush(const std::string& home);

  net::EventLoop& loop_;
  std::map<std::string, Way> ways_;  ///< by endpoint
};

}  // namespace callbook::node
