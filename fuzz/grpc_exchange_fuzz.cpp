// Answers to gRPC health checks, as anybody may send them: what they come to does not depend on the
// pieces that they arrive in, and only a HealthCheckResponse that says SERVING passes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "probe/grpc_exchange.h"
#include "probe/grpc_health.h"
#include "probe/request.h"

using namespace callbook;

namespace {

net::ProbeVerdict verdict_of(std::string_view text, size_t piece) {
  probe::GrpcExchange exchange({"orders"}, "10.0.0.1:50051", false);
  CALLBOOK_CHECK(!exchange.to_send().empty());
  while (!text.empty()) {
    const auto verdict = exchange.take(text.substr(0, piece));
    if (verdict) return *verdict;
    text.remove_prefix(std::min(piece, text.size()));
    exchange.to_send();
  }
  return exchange.closed();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  probe::decode_health_response(text);
  std::string framed("\0\0\0", 3);
  framed.push_back(static_cast<char>(size >> 8));
  framed.push_back(static_cast<char>(size));
  if (size <= UINT16_MAX) probe::decode_health_response(framed.append(text));

  const net::ProbeVerdict at_once = verdict_of(text, size + 1);
  const net::ProbeVerdict in_pieces = verdict_of(text, 1);
  CALLBOOK_CHECK(at_once.outcome == in_pieces.outcome);
  CALLBOOK_CHECK(at_once.status == in_pieces.status);
  CALLBOOK_CHECK(at_once.text.size() <= probe::kMaxTextBytes);
  const bool passes = at_once.outcome == net::ProbeOutcome::kAnswered;
  CALLBOOK_CHECK(passes == (at_once.text == "gRPC SERVING"));
  return 0;
}
