#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/event_loop.h"
#include "net/http_client.h"
#include "node/config.h"

namespace callbook::node {

/// A connection to another node, for one question at a time. Lives on one loop; not thread-safe.
class PeerLine {
 public:
  /// The answer's body. kNotFound, kInvalid: the node's release does not know the question, or
  /// this form of it. kIo: there was no answer, or another one than 200.
  using OnAnswer = std::function<void(const base::Result<std::string>& body)>;

  PeerLine(net::EventLoop& loop, const Endpoint& node) : client_(loop, node.host, node.port) {}

  bool busy() const { return busy_; }
  /// Calls back once, later, unless this is destroyed before. The line is free again by then.
  /// REQUIRES !busy().
  void post(std::string_view path, std::string body, int64_t timeout_ms, OnAnswer on_answer);

 private:
  net::HttpClient client_;
  bool busy_ = false;
};

}  // namespace callbook::node
