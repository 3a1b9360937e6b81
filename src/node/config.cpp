#include "node/config.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>

#include "probe/request.h"
#include <fmt/format.h>

#include "base/address.h"
#include "base/name.h"
#include "bus/nats/nats_bus.h"
#include "node/settings.h"

namespace callbook::node {

namespace {

/// What stands between commas; nothing of an empty text.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

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
  endpoint.host = base::one_spelling(host);
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, endpoint.port);
  if (error != std::errc() || stop != end || endpoint.host.empty()) return bad();
  return endpoint;
}

std::string to_text(const Endpoint& endpoint) {
  return base::host_port(endpoint.host, endpoint.port);
}

base::Status check_reachable(std::string_view field, std::string_view text) {
  const auto endpoint = parse_endpoint(field, text);
  if (!endpoint.ok()) return endpoint.error();
  if (endpoint->port == 0 || endpoint->host == "0.0.0.0" || endpoint->host == "::") {
    return base::invalid(field, fmt::format("nobody can reach {}", text));
  }
  return base::check_address_text(field, endpoint->host);
}

base::Result<std::vector<Endpoint>> parse_endpoints(std::string_view field, std::string_view text) {
  std::vector<Endpoint> endpoints;
  for (const std::string_view part : split(text)) {
    auto endpoint = parse_endpoint(field, part);
    if (!endpoint.ok()) return endpoint.error();
    endpoints.push_back(std::move(*endpoint));
  }
  return endpoints;
}

namespace {

constexpr std::string_view kScheme = "nats://";
constexpr size_t kLeastKeyBytes = 16;
constexpr int64_t kLeastSilenceMs = 1'000;
/// A host may be given another address at any time: what is older is not believed.
constexpr int64_t kMaxNameCacheMs = 30'000;

/// One server: "nats://host:port"; the scheme may be left out.
base::Result<std::string> bus_server(std::string_view text) {
  if (text.starts_with(kScheme)) {
    text.remove_prefix(kScheme.size());
  } else if (text.find("://") != std::string_view::npos) {
    return base::invalid("bus", fmt::format("'{}' is not nats://host:port", text));
  }
  if (text.find('@') != std::string_view::npos) {
    return base::invalid("bus", "holds a name or password; give --bus-user, or a file of a token");
  }
  if (const auto endpoint = parse_endpoint("bus", text); !endpoint.ok()) return endpoint.error();
  return std::string(kScheme).append(text);
}

base::Result<std::vector<std::string>> bus_servers(std::string_view text) {
  std::vector<std::string> servers;
  for (const std::string_view part : split(text)) {
    auto server = bus_server(part);
    if (!server.ok()) return server.error();
    servers.push_back(std::move(*server));
  }
  return servers;
}

/// What is set for many nodes must not be passed over in silence where there is one.
base::Status check_alone(const Config& config) {
  const bus::nats::Security& security = config.nats.security;
  const std::pair<std::string_view, bool> set[] = {
      {"peers", !config.peers.empty()},
      {"cluster", !config.cluster.empty()},
      {"cluster_key_file", !config.cluster_key_file.empty()},
      {"bus_credentials_file", !security.credentials_file.empty()},
      {"bus_token_file", !security.token_file.empty()},
      {"bus_user", !security.user.empty()},
      {"bus_password_file", !config.bus_password_file.empty()},
      {"bus_tls", security.tls},
      {"bus_ca_file", !security.ca_file.empty()},
      {"bus_certificate_file", !security.certificate_file.empty()}};
  for (const auto& [name, is_set] : set) {
    if (is_set) return base::invalid(name, "means nothing without --bus");
  }
  return {};
}

base::Status check_cluster(const Config& config) {
  if (!config.advertise.empty()) {
    auto reached = check_reachable("advertise", config.advertise);
    if (!reached.ok()) return reached;
    // Clients and other nodes are told it: it must mean the same to them as here.
    const auto host =
        base::normal_address("advertise", parse_endpoint("advertise", config.advertise)->host);
    if (!host.ok()) return host.error();
  }
  const auto peers = parse_endpoints("peers", config.peers);
  if (!peers.ok()) return peers.error();
  if (config.bus.empty()) {
    return check_alone(config);
  }
  const auto options = bus_options(config);
  if (!options.ok()) return options.error();
  if (auto status = bus::nats::check(*options); !status.ok()) return status;
  if (const auto key = stamp_key(config); !key.ok()) return key.error();
  if (config.timing.lost_after_ms < 2 * config.timing.beat_ms) {
    return base::over_limit("lost_after_ms", "is below two beats", 2 * config.timing.beat_ms);
  }
  if (config.timing.absent_node_ms < config.timing.lost_after_ms) {
    return base::over_limit("absent_node_ms", "is below lost_after_ms",
                            config.timing.lost_after_ms);
  }
  const auto http = parse_endpoint("http", config.http);
  const bool anywhere = http.ok() && (http->host == "0.0.0.0" || http->host == "::");
  if (anywhere && config.advertise.empty()) {
    return base::invalid("advertise",
                         "is needed: nobody can reach a node at the address that --http names");
  }
  return {};
}

}  // namespace

base::Result<std::vector<FollowedNodes>> parse_followed(std::string_view text) {
  std::vector<FollowedNodes> followed;
  for (std::string_view part : split(text)) {
    if (const size_t equals = part.find('='); equals != std::string_view::npos) {
      followed.push_back({std::string(part.substr(0, equals)), {}});
      part.remove_prefix(equals + 1);
    }
    if (followed.empty()) {
      return base::invalid("follow", fmt::format("'{}' is not DATACENTER=HOST:PORT", part));
    }
    if (auto status = check_reachable("follow", part); !status.ok()) return status.error();
    followed.back().nodes.push_back(*parse_endpoint("follow", part));
  }
  return followed;
}

core::Failover failover(const Config& config) {
  const auto names = [](std::string_view text) {
    const auto parts = split(text);
    return std::vector<std::string>(parts.begin(), parts.end());
  };
  core::Failover made;
  made.usual = names(config.failover);
  for (const auto& [service, order] : config.service_failover) {
    made.of_service[service] = names(order);
  }
  return made;
}

namespace {

base::Status check_order(std::string_view field, const std::vector<std::string>& order,
                         const std::set<std::string>& followed) {
  for (const std::string& name : order) {
    if (followed.contains(name)) continue;
    return base::invalid(field, fmt::format("names '{}', which is not followed", name));
  }
  return {};
}

base::Status check_followed(const Config& config) {
  const auto followed = parse_followed(config.follow);
  if (!followed.ok()) return followed.error();
  std::set<std::string> names;
  for (const FollowedNodes& one : *followed) {
    if (auto status = base::check_name("follow", one.datacenter); !status.ok()) return status;
    if (one.datacenter == config.datacenter) {
      return base::invalid("follow", fmt::format("names {}, this node's own", one.datacenter));
    }
    if (!names.insert(one.datacenter).second) {
      return base::invalid("follow", fmt::format("names {} twice", one.datacenter));
    }
  }
  const core::Failover orders = failover(config);
  if (auto status = check_order("failover", orders.usual, names); !status.ok()) return status;
  for (const auto& [service, order] : orders.of_service) {
    const std::string field = fmt::format("service.{}.failover", service.name);
    if (auto status = check_order(field, order, names); !status.ok()) return status;
  }
  return {};
}

}  // namespace

std::string cluster_identity(const Config& config) {
  return config.datacenter + "/" + (config.cluster.empty() ? config.datacenter : config.cluster);
}

base::Result<base::SipKey> stamp_key(const Config& config) {
  std::string secret = "callbook " + cluster_identity(config);
  if (!config.cluster_key_file.empty()) {
    std::ifstream file(config.cluster_key_file);
    std::string line;
    const bool read = static_cast<bool>(std::getline(file, line));
    if (line.ends_with('\r')) line.pop_back();
    if (!read || line.size() < kLeastKeyBytes) {
      return base::invalid("cluster_key_file",
                           fmt::format("{} holds no line of at least {} bytes",
                                       config.cluster_key_file, kLeastKeyBytes));
    }
    secret += line;
  }
  return base::SipKey{base::siphash({1, 0}, secret), base::siphash({2, 0}, secret)};
}

base::Result<bus::nats::Options> bus_options(const Config& config) {
  bus::nats::Options options = config.nats;
  auto servers = bus_servers(config.bus);
  if (!servers.ok()) return servers.error();
  options.servers = std::move(*servers);
  options.cluster = config.cluster.empty() ? config.datacenter : config.cluster;
  options.node = config.node;
  options.tied_age_ms = config.timing.record_age_ms;
  // A node must notice that it has lost the bus before it takes over what silent nodes left: of one
  // that is cut off all others are silent.
  const int64_t takeover_ms = config.timing.lost_after_ms + config.timing.takeover_grace_ms;
  options.silence_ms = std::min(options.silence_ms, std::max(takeover_ms * 3 / 8, kLeastSilenceMs));
  options.heads_ms = std::min(options.heads_ms, options.silence_ms / 3);
  options.request_timeout_ms = std::min(options.request_timeout_ms, options.silence_ms / 3);
  if (!config.bus_password_file.empty()) {
    std::ifstream file(config.bus_password_file);
    if (!std::getline(file, options.security.password)) {
      return base::invalid("bus_password_file",
                           fmt::format("{} can't be read", config.bus_password_file));
    }
  }
  return options;
}

namespace {

base::Status check_probes(const Config& config) {
  if (config.limits.max_check_path_bytes > probe::kMaxPathBytes) {
    return base::over_limit("max_check_path_bytes",
                            fmt::format("is above {}", probe::kMaxPathBytes), probe::kMaxPathBytes);
  }
  const probe::ResolverOptions& resolver = config.resolver;
  if (resolver.longest_known_ms > kMaxNameCacheMs) {
    return base::over_limit("name_cache_ms", fmt::format("is above {}", kMaxNameCacheMs),
                            kMaxNameCacheMs);
  }
  const std::string fault = probe::Resolver::fault_of(resolver.servers);
  return fault.empty() ? base::Status{} : base::invalid("resolver", fault);
}

}  // namespace

base::Status check(const Config& config) {
  if (!config.node.empty()) {
    if (auto status = base::check_name("node", config.node); !status.ok()) return status;
  }
  if (auto status = base::check_name("datacenter", config.datacenter); !status.ok()) return status;
  const auto http = parse_endpoint("http", config.http);
  if (!http.ok()) return http.error();
  if (!base::is_loopback(http->host) && !config.insecure_bind) {
    return base::invalid(
        "http",
        fmt::format(
            "{} is not a loopback address. This version has neither TLS nor tokens: whoever "
            "reaches the port can register and deregister anything. Give --insecure-bind if "
            "the network around it is trusted",
            http->host));
  }
  if (auto status = check_cluster(config); !status.ok()) return status;
  if (auto status = check_followed(config); !status.ok()) return status;
  if (!config.dev && config.data.empty()) return base::invalid("data", "must name a directory");
  if (config.limits.min_ttl_ms > config.limits.max_ttl_ms) {
    return base::invalid("min_ttl_ms", "is above max_ttl_ms");
  }
  if (auto status = check_probes(config); !status.ok()) return status;
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
