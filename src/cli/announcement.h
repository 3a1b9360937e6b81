#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/check_spec.h"
#include "sdk/instance.h"

namespace callbook::cli {

/// What silence means of an instance with a TTL of its own; 0 is the registry's default.
struct Lapse {
  int64_t down_after_ms = 0;
  int64_t remove_after_ms = 0;
  bool probe = true;
};

/// What `callbook register` says of an instance besides what consumers see. At most one of
/// `ttl_ms`, `checks` and `persistent` is given; none: a session holds it.
struct Announcement {
  std::string status;        ///< "starting"…, said once; empty: it is up
  bool shares_port = false;  ///< others may have its address and port too
  bool take_over = false;    ///< insists on an id that another process holds; said once
  int64_t ttl_ms = 0;
  std::optional<Lapse> lapse;  ///< only with ttl_ms
  std::vector<CheckSpec> checks;
  CheckOptions check_options;
  bool persistent = false;

  bool by_session() const { return ttl_ms == 0 && checks.empty() && !persistent; }
};

/// Body of PUT /v1/services/{service}/instances/{id}, of an instance that no session holds.
/// `first`: nothing has been said of it yet. Later what its process has said since stays.
std::string encode_own(const sdk::Instance& instance, const Announcement& announcement, bool first);

}  // namespace callbook::cli
