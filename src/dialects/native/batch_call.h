#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/front.h"
#include "dialects/native/json_input.h"
#include "net/http_server.h"

namespace callbook::native {

/// One POST /v1/batch: submits its lines in order, and answers when every line has its result.
class BatchCall : public std::enable_shared_from_this<BatchCall> {
 public:
  static void start(core::Front& front, JsonInput& json, std::string_view body, uint32_t max_lines,
                    core::Ack ack, const core::Caller& caller, net::HttpExchange exchange);

 private:
  BatchCall(net::HttpExchange exchange, size_t lines)
      : exchange_(std::move(exchange)), results_(lines, core::Reply(core::Done{})) {}
  void finish_line(size_t line, const base::Result<core::Reply>& reply);

  net::HttpExchange exchange_;
  std::vector<base::Result<core::Reply>> results_;
  size_t finished_ = 0;
};

}  // namespace callbook::native
