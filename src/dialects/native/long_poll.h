#pragma once

#include <memory>

#include "core/front.h"
#include "core/published_catalog.h"
#include "dialects/native/json_output.h"
#include "dialects/native/live_streams.h"
#include "dialects/native/scope.h"
#include "net/http_server.h"

namespace callbook::native {

/// A GET of one service that waits for its digest to differ. Owns itself from start() until it has
/// answered or its client has gone.
class LongPoll final : public core::Subscriber, public Ticking {
 public:
  struct Question {
    Scope scope;
    core::ServiceKey key;
    uint64_t digest = 0;
    int64_t deadline_ms = 0;
    InstanceFilter filter;
  };

  static void start(core::Front& front, Ticking::List& list, Question question,
                    net::HttpExchange exchange);

  void on_changed(uint32_t token) override;
  void on_publication() override;
  /// What it has not been sent it has not asked for.
  bool has_seen(uint32_t, uint64_t) const override { return true; }
  void tick(int64_t now_ms) override;

 private:
  LongPoll(core::Front& front, Ticking::List& list, Question question, net::HttpExchange exchange);
  void answer();

  core::Front& front_;
  Question question_;
  net::HttpExchange exchange_;
};

}  // namespace callbook::native
