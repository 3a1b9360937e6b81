#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "probe/resolver.h"

#include "base/log.h"
#include "base/siphash.h"
#include "bus/nats/options.h"
#include "core/front.h"
#include "core/key.h"
#include "core/limits.h"
#include "dialects/native/native_dialect.h"
#include "net/http_server.h"
#include "net/prober.h"
#include "node/console_logger.h"
#include "store/log.h"

namespace callbook::node {

/// Everything that an operator can decide about a node. Filled from defaults, then a TOML file,
/// then the environment, then flags (settings.h), the later ones winning.
struct Config {
  std::string node;  ///< empty: the host's name
  std::string datacenter = "dc1";
  std::string data = "callbook-data";  ///< directory of the store
  std::string http = "127.0.0.1:7070";
  std::string advertise;         ///< where others reach `http`; empty: as it is bound
  std::string bus;               ///< "nats://host:port,…"; empty: this node stands alone
  std::string cluster;           ///< whose streams on the bus; empty: the data center's
  std::string cluster_key_file;  ///< empty: a key that everybody knows
  std::string bus_password_file;
  std::string peers;           ///< "host:port,…": nodes to be asked though the bus be away
  std::string follow;          ///< "dc2=host:port,host:port,dc3=host:port": other data centers
  std::string failover;        ///< "dc2,dc3": where to look when the own has nobody to call
  bus::nats::Options nats;     ///< but for what the lines above say
  bool dev = false;            ///< keep everything in memory
  bool insecure_bind = false;  ///< allow plain HTTP beyond loopback
  bool salvage = false;        ///< open a damaged store with what verifies
  base::LogLevel log_level = base::LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  uint32_t io_threads = 0;  ///< 0: one per two cores, at most 8
  int64_t stop_grace_ms = 5'000;
  int64_t leave_ms = 3'000;          ///< over which clients are sent to other nodes at a stop
  int64_t sync_interval_ms = 1'000;  ///< fdatasync at least this often while there are writes
  core::Limits limits;
  core::Timing timing;
  /// What the file says of single services, to be laid over `timing` (service_timing() below).
  struct ServiceSetting {
    core::ServiceKey service;
    std::string key;
    std::string text;
  };
  std::vector<ServiceSetting> service_settings;
  std::map<core::ServiceKey, std::string> service_failover;  ///< of those with one of their own
  net::ProbeLimits probe_limits;
  probe::ResolverOptions resolver;  ///< of the names that are probed
  net::HttpLimits http_limits;
  native::NativeLimits native_limits;
  store::LogOptions log;
};

/// "host:port" or "[v6]:port" taken apart.
struct Endpoint {
  std::string host;
  uint16_t port = 0;
};
base::Result<Endpoint> parse_endpoint(std::string_view field, std::string_view text);
/// The same, put together again.
std::string to_text(const Endpoint& endpoint);

/// Whether others can reach what `text` names: an address, none that means any, and a port.
base::Status check_reachable(std::string_view field, std::string_view text);

/// "host:port,host:port"; empty: none.
base::Result<std::vector<Endpoint>> parse_endpoints(std::string_view field, std::string_view text);

/// Nodes of another data center.
struct FollowedNodes {
  std::string datacenter;
  std::vector<Endpoint> nodes;
};
/// "dc2=host:port,host:port,dc3=host:port"; empty: none.
base::Result<std::vector<FollowedNodes>> parse_followed(std::string_view text);

/// The order of data centers for each service. REQUIRES check() ok.
core::Failover failover(const Config& config);

/// Tells the nodes of one cluster from those of another: "DATACENTER/CLUSTER".
std::string cluster_identity(const Config& config);

/// The bus's options, whole. Reads the password's file. REQUIRES a bus, and check() ok.
base::Result<bus::nats::Options> bus_options(const Config& config);

/// The key by which the nodes of a cluster know each other's stamps. REQUIRES check() ok.
base::Result<base::SipKey> stamp_key(const Config& config);

/// Whether the whole makes sense; an error names the setting.
base::Status check(const Config& config);

}  // namespace callbook::node
