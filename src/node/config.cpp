#include "node/config.h"

#include <charconv>

#include <fmt/format.h>

#include "base/name.h"
#include "node/settings.h"

namespace callbook::node {

base::Result<Endpoint> parse_endpoint(std::string_view field, std::string_view text) {
  const auto bad = [&] { return base::invalid(field, fmt::format("'{}' is not host:port", text)); };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad();
  Endpoint endpoint;
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();  // an IPv6 address needs its brackets
  }
  endpoint.host = host;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, endpoint.port);
  if (error != std::errc() || stop != end || endpoint.host.empty()) return bad();
  return endpoint;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

base::Status check(const Config& config) {
  if (!config.node.empty()) {
    if (auto status = base::check_name("node", config.node); !status.ok()) return status;
  }
  if (auto status = base::check_name("datacenter", config.datacenter); !status.ok()) return status;
  const auto http = parse_endpoint("http", config.http);
  if (!http.ok()) return http.error();
  if (!is_loopback(http->host) && !config.insecure_bind) {
    return base::invalid(
        "http",
        fmt::format(
            "{} is not a loopback address. This version has neither TLS nor tokens: whoever "
            "reaches the port can register and deregister anything. Give --insecure-bind if "
            "the network around it is trusted",
            http->host));
  }
  if (!config.dev && config.data.empty()) return base::invalid("data", "must name a directory");
  if (config.limits.min_ttl_ms > config.limits.max_ttl_ms) {
    return base::invalid("min_ttl_ms", "is above max_ttl_ms");
  }
  if (config.limits.max_check_path_bytes > net::kMaxProbePathBytes) {
    return base::over_limit("max_check_path_bytes",
                            fmt::format("is above {}", net::kMaxProbePathBytes),
                            net::kMaxProbePathBytes);
  }
  const core::BreakerRule& breaker = config.timing.breaker;
  if (breaker.percent > 100) return base::invalid("breaker_percent", "is above 100");
  if (breaker.floor_percent > 100) return base::invalid("breaker_floor_percent", "is above 100");
  for (const auto& [service, timing] : service_timing(config)) {
    if (timing.breaker.percent <= 100 && timing.breaker.floor_percent <= 100) continue;
    return base::invalid(fmt::format("service.{}", service.name),
                         "has a breaker_percent or breaker_floor_percent above 100");
  }
  return {};
}

}  // namespace callbook::node
