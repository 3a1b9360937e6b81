#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/response_head.h"
#include "probe/exchange.h"
#include "probe/request.h"

namespace callbook::probe {

/// No more of an answer is ever taken. A head that is longer, interim answers included, has failed.
inline constexpr size_t kMaxAnswerBytes = 8'192;

/// Why no such request is sent; empty: it can be.
std::string fault_of(const HttpRule& rule);

/// "HTTP 503 Service Unavailable"; the reason is the registered one, whatever the server says.
std::string status_text(int status);

/// One HTTP/1.1 request, judged by the head of its answer.
class HttpExchange final : public Exchange {
 public:
  /// REQUIRES fault_of(rule) empty. `authority` is the host and port of the target, as in a URL.
  HttpExchange(const HttpRule& rule, std::string_view authority);

  std::string to_send() override;
  std::optional<net::ProbeVerdict> take(std::string_view bytes) override;
  net::ProbeVerdict closed() const override;

 private:
  std::string request_;
  std::vector<StatusRange> expect_;
  net::ResponseHead head_;
  size_t taken_ = 0;
};

}  // namespace callbook::probe
