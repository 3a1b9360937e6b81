#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include <nats/nats.h>

#include "base/result.h"
#include "bus/nats/options.h"
#include "bus/nats/subscription.h"

namespace callbook::bus::nats {

/// One connection to one of the servers, from its making to its end: the library is told never to
/// reconnect by itself, so that nothing of an older connection is ever mixed with a newer one.
class Connection {
 public:
  using OnClosed = std::function<void()>;

  /// Tries the servers in random order; waits for at most connect_timeout_ms for each.
  /// `on_closed` is called once, on a thread of the library's, unless the destructor came first.
  static base::Result<std::unique_ptr<Connection>> make(const Options& options, OnClosed on_closed);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Any thread. Ends what waits for an answer.
  void close() { natsConnection_Close(handle_); }

  natsConnection* handle() const { return handle_; }
  jsCtx* jet_stream() const { return jet_stream_.get(); }
  /// Publishes without a payload; for what needs no answer. Any thread.
  natsStatus signal(const std::string& subject) {
    return natsConnection_Publish(handle_, subject.c_str(), nullptr, 0);
  }

 private:
  struct Route;
  Connection() = default;

  natsConnection* handle_ = nullptr;
  JetStreamHandle jet_stream_;
  std::shared_ptr<Route> route_;
};

}  // namespace callbook::bus::nats
