#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "probe/exchange.h"
#include "probe/request.h"

namespace callbook::probe {

/// One call of grpc.health.v1.Health/Check over HTTP/2, from the connection's first byte on.
class GrpcExchange final : public Exchange {
 public:
  /// `authority` is the host and port of the target, as in a URL; `tls` says that TLS is below.
  GrpcExchange(const GrpcRule& rule, std::string_view authority, bool tls);
  ~GrpcExchange() override;

  std::string to_send() override;
  std::optional<net::ProbeVerdict> take(std::string_view bytes) override;
  net::ProbeVerdict closed() const override;

 private:
  class Call;
  std::unique_ptr<Call> call_;
};

}  // namespace callbook::probe
