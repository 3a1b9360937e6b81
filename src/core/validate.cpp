#include "core/validate.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/address.h"
#include "base/check.h"
#include "base/name.h"
#include "core/registration_extras.h"
#include "core/validate_checks.h"

namespace callbook::core {
namespace {

using base::Status;

Status check_ttl(int64_t ttl_ms, const Limits& limits) {
  if (ttl_ms < limits.min_ttl_ms) {
    return base::over_limit("ttl_ms",
                            fmt::format("is {}; the least is {}", ttl_ms, limits.min_ttl_ms),
                            limits.min_ttl_ms);
  }
  if (ttl_ms > limits.max_ttl_ms) {
    return base::over_limit("ttl_ms",
                            fmt::format("is {}; the most is {}", ttl_ms, limits.max_ttl_ms),
                            limits.max_ttl_ms);
  }
  return {};
}

Status check_ports(const NamedPorts& ports, const Limits& limits) {
  Status status;
  uint32_t count = 0;
  for_each_port(ports.bytes(), [&](std::string_view name, uint16_t port) {
    ++count;
    if (status.ok()) status = base::check_name("ports", name);
    if (status.ok() && port == 0) {
      status = base::invalid(fmt::format("ports.{}", name), "must be 1 to 65535");
    }
  });
  if (status.ok() && count > limits.max_named_ports) {
    return base::over_limit(
        "ports", fmt::format("holds {} ports; the limit is {}", count, limits.max_named_ports),
        limits.max_named_ports);
  }
  return status;
}

Status check_metadata_pair(std::string_view name, std::string_view value, const Limits& limits) {
  if (name.empty()) return base::invalid("metadata", "holds an empty name");
  if (auto status = base::check_text("metadata", name, limits.max_metadata_name_bytes);
      !status.ok()) {
    return status;
  }
  auto status = base::check_text("metadata", value, limits.max_metadata_value_bytes);
  if (status.ok()) return status;
  base::Error error = status.error();
  error.field = fmt::format("metadata.{}", name);
  return error;
}

Status check_metadata(const Metadata& metadata, const Limits& limits) {
  Status status;
  uint32_t count = 0;
  size_t bytes = 0;
  for_each_metadata(metadata.bytes(), [&](std::string_view name, std::string_view value) {
    ++count;
    bytes += name.size() + value.size();
    if (status.ok() && count <= limits.max_metadata_entries) {
      status = check_metadata_pair(name, value, limits);
    }
  });
  if (count > limits.max_metadata_entries) {
    return base::over_limit(
        "metadata",
        fmt::format("holds {} entries; the limit is {}", count, limits.max_metadata_entries),
        limits.max_metadata_entries);
  }
  if (status.ok() && bytes > limits.max_metadata_bytes) {
    return base::over_limit(
        "metadata",
        fmt::format("holds {} bytes; the limit is {}", bytes, limits.max_metadata_bytes),
        limits.max_metadata_bytes);
  }
  return status;
}

Status check_weight(uint32_t weight, const Limits& limits) {
  if (weight <= limits.max_weight) return {};
  return base::over_limit("weight", fmt::format("is {}; the most is {}", weight, limits.max_weight),
                          limits.max_weight);
}

Status check_range(std::string_view field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return {};
  return base::over_limit(field, fmt::format("is {}; it must be from {} to {}", value, least, most),
                          value < least ? least : most);
}

Status check_extras(const Registration& registration, const Limits& limits) {
  if (registration.extras.empty()) return {};
  const auto extras = decode_extras(registration.extras);
  CALLBOOK_CHECK(extras.has_value());
  if (!extras->lapse) return {};
  const Holder& holder = registration.holder;
  if (holder.kind != HolderKind::kTtl || !registration.check.empty()) {
    return base::invalid("lapse", "is for instances with a ttl_ms of their own");
  }
  const auto [down_after_ms, remove_after_ms, probe] = *extras->lapse;
  if (down_after_ms != 0) {
    auto status =
        check_range("lapse.down_after_ms", down_after_ms, holder.ttl_ms, limits.max_lapse_ms);
    if (!status.ok()) return status;
  }
  if (remove_after_ms == 0) return {};
  return check_range("lapse.remove_after_ms", remove_after_ms,
                     std::max(down_after_ms, holder.ttl_ms), limits.max_lapse_ms);
}

/// Who moves traffic says so.
Status check_author(std::string_view by, std::string_view reason, const Limits& limits) {
  if (by.empty()) return base::invalid("by", "is missing: who wants this?");
  if (auto status = base::check_text("by", by, limits.max_by_bytes); !status.ok()) return status;
  return base::check_text("reason", reason, limits.max_reason_bytes);
}

}  // namespace

Status validate(const InstanceKey& key) {
  if (auto status = base::check_name("namespace", key.service.space); !status.ok()) return status;
  if (auto status = base::check_name("service", key.service.name); !status.ok()) return status;
  return base::check_name("id", key.id);
}

Status validate(const OpenSession& input, const Limits& limits) {
  if (input.ttl_ms != 0) {
    if (auto status = check_ttl(input.ttl_ms, limits); !status.ok()) return status;
  }
  if (!input.facts.process.empty()) {
    if (auto status = base::check_name("process", input.facts.process); !status.ok()) return status;
    if (input.facts.process.size() > limits.max_process_bytes) {
      return base::over_limit("process",
                              fmt::format("has {} bytes; the most is {}",
                                          input.facts.process.size(), limits.max_process_bytes),
                              limits.max_process_bytes);
    }
  }
  return base::check_text("client", input.client, limits.max_client_bytes);
}

Status validate(const RegisterInstance& input, const Limits& limits) {
  const Registration& registration = input.registration;
  if (auto status = validate(input.key); !status.ok()) return status;
  if (auto status = base::check_address("address", registration.address); !status.ok())
    return status;
  if (!registration.zone.empty()) {
    if (auto status = base::check_name("zone", registration.zone); !status.ok()) return status;
  }
  if (auto status = check_weight(registration.weight, limits); !status.ok()) return status;
  if (auto status = validate_checks(registration, limits); !status.ok()) return status;
  if (registration.check.empty() && registration.holder.kind == HolderKind::kTtl) {
    if (auto status = check_ttl(registration.holder.ttl_ms, limits); !status.ok()) return status;
  }
  if (auto status = check_extras(registration, limits); !status.ok()) return status;
  if (auto status = check_ports(registration.ports, limits); !status.ok()) return status;
  return check_metadata(registration.metadata, limits);
}

Status validate(const DeregisterInstance& input, const Limits& limits) {
  if (auto status = validate(input.key); !status.ok()) return status;
  if (input.drain_ms < 0 || input.drain_ms > limits.max_drain_ms) {
    return base::over_limit(
        "drain", fmt::format("is {} ms; the most is {}", input.drain_ms, limits.max_drain_ms),
        limits.max_drain_ms);
  }
  return input.by.empty() ? Status() : check_author(input.by, input.reason, limits);
}

Status validate(const SetOverride& input, const Limits& limits) {
  if (auto status = validate(input.key); !status.ok()) return status;
  if (!input.weight && !input.out_of_service) {
    return base::invalid("weight", R"(or "state":"out_of_service" must be given, or both)");
  }
  if (input.weight) {
    if (auto status = check_weight(*input.weight, limits); !status.ok()) return status;
  }
  return check_author(input.by, input.reason, limits);
}

Status validate(const SetStatus& input, const Limits& limits) {
  if (auto status = validate(input.key); !status.ok()) return status;
  return base::check_text("text", input.text, limits.max_status_text_bytes);
}

Status validate(const ReportInstance& input, const Limits& limits) {
  if (auto status = validate(input.key); !status.ok()) return status;
  return check_author(input.by, {}, limits);
}

Status validate(const RemoveOverride& input, const Limits& limits) {
  if (auto status = validate(input.key); !status.ok()) return status;
  return check_author(input.by, input.reason, limits);
}

Status validate(const ReleaseBreaker& input, const Limits& limits) {
  if (auto status = base::check_text("by", input.by, limits.max_by_bytes); !status.ok()) {
    return status;
  }
  return base::check_text("reason", input.reason, limits.max_reason_bytes);
}

}  // namespace callbook::core
