#include "dialects/native/json_input.h"

#include <array>
#include <limits>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/address.h"
#include "core/registration_extras.h"
#include "dialects/native/check_json.h"
#include "dialects/native/json_fields.h"
#include "dialects/native/json_output.h"
#include "dialects/native/session_field.h"
#include "net/http_message.h"
#include "net/probe_address.h"

namespace callbook::native {
namespace {

using base::Error;
using base::Result;
using base::Status;

static_assert(net::kBodyPadding >= simdjson::SIMDJSON_PADDING);

// The fields of a registration; a batch line has these and the ones behind kCheck.
enum RegistrationField {
  kAddress,
  kPort,
  kPorts,
  kZone,
  kWeight,
  kMetadata,
  kSession,
  kTtlMs,
  kPersistent,
  kCheck,
  kChecks,
  kStatus,
  kLapse,
  kSharesPort,
  kOp,
  kService,
  kNamespace,
  kId
};
constexpr std::array<std::string_view, 18> kRegistrationNames = {
    "address", "port",        "ports",      "zone",    "weight",    "metadata",
    "session", "ttl_ms",      "persistent", "check",   "checks",    "status",
    "lapse",   "shares_port", "op",         "service", "namespace", "id"};
constexpr size_t kBodyFields = kOp;

Result<core::NamedPorts> read_ports(ondemand::value value) {
  ondemand::object object;
  if (value.get_object().get(object))
    return base::invalid("ports", "must be an object of name: port");
  std::vector<core::NamedPorts::Pair> pairs;
  for (auto field : object) {
    std::string_view name;
    if (auto code = field.unescaped_key().get(name)) return malformed(code);
    ondemand::value entry;
    if (auto code = field.value().get(entry)) return malformed(code);
    int64_t port = 0;
    const std::string where = fmt::format("ports.{}", name);
    if (auto status = read_integer(where, entry, 1, UINT16_MAX, port); !status.ok())
      return status.error();
    pairs.emplace_back(name, static_cast<uint16_t>(port));
  }
  return core::NamedPorts::from(std::move(pairs));
}

Result<core::Metadata> read_metadata(ondemand::value value) {
  ondemand::object object;
  if (value.get_object().get(object))
    return base::invalid("metadata", "must be an object of name: text");
  std::vector<core::Metadata::Pair> pairs;
  pairs.reserve(8);
  for (auto field : object) {
    std::string_view name;
    if (auto code = field.unescaped_key().get(name)) return malformed(code);
    ondemand::value entry;
    if (auto code = field.value().get(entry)) return malformed(code);
    std::string_view text;
    if (auto status = read_string("metadata", entry, text); !status.ok()) {
      return base::invalid(fmt::format("metadata.{}", name), "must be a string");
    }
    pairs.emplace_back(name, text);
  }
  return core::Metadata::from(std::move(pairs));
}

/// What a registration or a batch line holds, field by field.
struct Draft {
  core::Registration registration;
  core::RegistrationExtras extras;
  std::optional<core::ProviderState> status;
  bool has_address = false;
  int holders = 0;
  std::string_view op;
  std::string_view service;
  std::string_view space = core::kDefaultNamespace;
  std::string_view id;
};

Status read_holder(int index, ondemand::value value, Draft& draft) {
  core::Holder& holder = draft.registration.holder;
  ++draft.holders;
  if (index == kPersistent) {
    holder.kind = core::HolderKind::kPersistent;
    return read_true("persistent", value);
  }
  if (index == kTtlMs) {
    holder.kind = core::HolderKind::kTtl;
    return read_integer("ttl_ms", value, 1, std::numeric_limits<int32_t>::max(), holder.ttl_ms);
  }
  if (index == kCheck || index == kChecks) {
    auto checks = index == kCheck ? read_check(value) : read_checks(value);
    if (!checks.ok()) return checks.error();
    core::StoredChecks stored = core::stored_form(*checks);
    holder.kind = core::HolderKind::kTtl;
    holder.ttl_ms = stored.interval_ms;
    draft.registration.check = std::move(stored.rule);
    draft.extras.checks = std::move(stored.set);
    return {};
  }
  holder.kind = core::HolderKind::kSession;
  std::string_view text;
  if (auto status = read_string("session", value, text); !status.ok()) return status;
  const auto id = read_session_id("session", text);
  if (!id.ok()) return id.error();
  holder.session = *id;
  return {};
}

Status read_lapse(ondemand::value value, std::optional<core::Lapse>& out) {
  static constexpr std::array<std::string_view, 3> kNames = {"down_after_ms", "remove_after_ms",
                                                             "probe"};
  ondemand::object object;
  if (value.get_object().get(object)) return base::invalid("lapse", "must be an object");
  core::Lapse lapse;
  auto status =
      for_each_field(object, index_in(kNames), [&](int index, ondemand::value field) -> Status {
        constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
        if (index == 0)
          return read_integer("lapse.down_after_ms", field, 0, kMost, lapse.down_after_ms);
        if (index == 1)
          return read_integer("lapse.remove_after_ms", field, 0, kMost, lapse.remove_after_ms);
        return read_bool("lapse.probe", field, lapse.probe);
      });
  if (status.ok()) out = lapse;
  return status;
}

Status read_provider_state(ondemand::value value, core::ProviderState& out) {
  std::string_view text;
  if (auto status = read_string("status", value, text); !status.ok()) return status;
  const auto state = core::provider_state_from(text);
  if (!state) return base::invalid("status", "must be starting, up, not_ready or failing");
  out = *state;
  return {};
}

Status read_draft_field(int index, ondemand::value value, Draft& draft) {
  core::Registration& registration = draft.registration;
  std::string_view text;
  int64_t number = 0;
  switch (index) {
    case kAddress: {
      draft.has_address = true;
      if (auto status = read_string("address", value, text); !status.ok()) return status;
      // Here, so that all that compares addresses behind this sees one spelling.
      auto address = base::normal_address("address", text);
      if (!address.ok()) return address.error();
      registration.address = std::move(*address);
      return {};
    }
    case kZone: {
      auto status = read_string("zone", value, text);
      registration.zone = text;
      return status;
    }
    case kPort: {
      auto status = read_integer("port", value, 0, UINT16_MAX, number);
      registration.port = static_cast<uint16_t>(number);
      return status;
    }
    case kWeight: {
      auto status = read_integer("weight", value, 0, std::numeric_limits<int32_t>::max(), number);
      registration.weight = static_cast<uint32_t>(number);
      return status;
    }
    case kPorts: {
      auto ports = read_ports(value);
      if (!ports.ok()) return ports.error();
      registration.ports = std::move(*ports);
      return {};
    }
    case kMetadata: {
      auto metadata = read_metadata(value);
      if (!metadata.ok()) return metadata.error();
      registration.metadata = std::move(*metadata);
      return {};
    }
    case kStatus:
      return read_provider_state(value, draft.status.emplace());
    case kSharesPort:
      return read_bool("shares_port", value, draft.extras.shares_port);
    case kLapse:
      return read_lapse(value, draft.extras.lapse);
    case kOp:
      return read_string("op", value, draft.op);
    case kService:
      return read_string("service", value, draft.service);
    case kNamespace:
      return read_string("namespace", value, draft.space);
    case kId:
      return read_string("id", value, draft.id);
    default:
      return read_holder(index, value, draft);
  }
}

Status check_whole(const Draft& draft) {
  if (!draft.has_address) return base::invalid("address", "is missing");
  if (draft.holders != 1) {
    return base::invalid(
        "session",
        R"(exactly one of "session", "ttl_ms", "check", "checks" and "persistent" must be given)");
  }
  const core::Registration& registration = draft.registration;
  if (registration.check.empty() || net::ProbeAddress::parse(registration.address)) return {};
  return base::invalid("address", "can't be checked: that takes the IP address of a single host");
}

Result<core::Input> operation_from(Draft&& draft) {
  const bool heartbeat = draft.op == "heartbeat";
  if (heartbeat && draft.holders == 1 &&
      draft.registration.holder.kind == core::HolderKind::kSession) {
    if (!draft.id.empty() || !draft.service.empty()) {
      return base::invalid("session", "a heartbeat is for a session or for an instance, not both");
    }
    return core::Input(core::RefreshSession{draft.registration.holder.session});
  }
  core::InstanceKey key{{draft.space, draft.service}, std::string(draft.id)};
  if (draft.op == "register") {
    if (auto status = check_whole(draft); !status.ok()) return status.error();
    draft.registration.extras = core::encode(draft.extras);
    return core::Input(
        core::RegisterInstance{std::move(key), std::move(draft.registration), {}, draft.status});
  }
  const core::Holder& holder = draft.registration.holder;
  const bool names_session = draft.holders == 1 && holder.kind == core::HolderKind::kSession;
  if (draft.op == "deregister" && (draft.holders == 0 || names_session)) {
    return core::Input(core::DeregisterInstance{std::move(key), {}, holder.session});
  }
  if (draft.holders != 0) {
    return base::invalid("op", "only \"register\" takes ttl_ms, check, checks or persistent");
  }
  if (heartbeat) return core::Input(core::RefreshInstance{std::move(key)});
  return base::invalid("op", R"(must be "register", "deregister" or "heartbeat")");
}

}  // namespace

struct JsonInput::Impl {
  ondemand::parser parser;

  /// Reads `text` as one object with nothing behind it.
  template <typename Visit>
  Status read(std::string_view text, Visit&& visit) {
    if (text.empty()) return base::invalid("body", "is empty; expected a JSON object");
    ondemand::document document;
    const simdjson::padded_string_view padded(text.data(), text.size(),
                                              text.size() + net::kBodyPadding);
    if (auto code = parser.iterate(padded).get(document)) return malformed(code);
    ondemand::object object;
    if (auto code = document.get_object().get(object)) {
      return code == simdjson::INCORRECT_TYPE ? base::invalid("body", "must be a JSON object")
                                              : malformed(code);
    }
    if (auto status = visit(object); !status.ok()) return status;
    const char* behind = nullptr;
    const bool at_end = document.current_location().get(behind) == simdjson::OUT_OF_BOUNDS;
    return at_end ? Status{} : base::invalid("body", "has more behind the JSON object");
  }
};

JsonInput::JsonInput() : impl_(std::make_unique<Impl>()) {}
JsonInput::~JsonInput() = default;

Result<SessionBody> JsonInput::session(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kNames = {"ttl_ms", "client", "resume",
                                                             "epoch",  "speaks", "process"};
  SessionBody body;
  const auto read_field = [&](int index, ondemand::value value) -> Status {
    if (index == 0)
      return read_integer("ttl_ms", value, 1, std::numeric_limits<int32_t>::max(), body.ttl_ms);
    if (index == 3) {
      int64_t epoch = 0;
      auto status = read_integer("epoch", value, 1, std::numeric_limits<uint32_t>::max(), epoch);
      body.epoch = static_cast<uint32_t>(epoch);
      return status;
    }
    if (index == 4) return read_bool("speaks", value, body.speaks);
    std::string_view string;
    if (auto status = read_string(kNames[static_cast<size_t>(index)], value, string); !status.ok())
      return status;
    if (index == 1 || index == 5) {
      (index == 1 ? body.client : body.process) = string;
      return {};
    }
    const auto resumed = read_session_id("resume", string);
    if (!resumed.ok()) return resumed.error();
    body.resume = *resumed;
    return {};
  };
  auto status = impl_->read(text, [&](ondemand::object object) {
    return for_each_field(object, index_in(kNames), read_field);
  });
  if (!status.ok()) return status.error();
  return body;
}

Result<RegistrationBody> JsonInput::registration(std::string_view text) {
  Draft draft;
  const auto index_of = [](std::string_view name) {
    const int index = index_in(kRegistrationNames)(name);
    return index < static_cast<int>(kBodyFields) ? index : -1;
  };
  auto status = impl_->read(text, [&](ondemand::object object) {
    return for_each_field(object, index_of, [&](int index, ondemand::value value) {
      return read_draft_field(index, value, draft);
    });
  });
  if (status.ok()) status = check_whole(draft);
  if (!status.ok()) return status.error();
  draft.registration.extras = core::encode(draft.extras);
  return RegistrationBody{std::move(draft.registration), draft.status};
}

Result<StatusBody> JsonInput::status(std::string_view text) {
  static constexpr std::array<std::string_view, 2> kNames = {"status", "text"};
  StatusBody body;
  bool given = false;
  const auto read_field = [&](int index, ondemand::value value) -> Status {
    if (index == 0) {
      given = true;
      return read_provider_state(value, body.status);
    }
    std::string_view string;
    auto read = read_string("text", value, string);
    body.text = string;
    return read;
  };
  auto status = impl_->read(text, [&](ondemand::object object) {
    return for_each_field(object, index_in(kNames), read_field);
  });
  if (status.ok() && !given) status = base::invalid("status", "is missing");
  if (!status.ok()) return status.error();
  return body;
}

Result<OverrideBody> JsonInput::override_body(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kNames = {"weight", "state", "by", "reason"};
  OverrideBody body;
  const auto read_field = [&](int index, ondemand::value value) -> Status {
    if (index == 0) {
      int64_t weight = 0;
      auto read = read_integer("weight", value, 0, std::numeric_limits<int32_t>::max(), weight);
      body.weight = static_cast<uint32_t>(weight);
      return read;
    }
    std::string_view string;
    if (auto read = read_string(kNames[static_cast<size_t>(index)], value, string); !read.ok()) {
      return read;
    }
    if (index == 1) {
      body.out_of_service = string == name_of(core::InstanceState::kOutOfService);
      if (!body.out_of_service) return base::invalid("state", R"(can only be "out_of_service")");
    } else {
      (index == 2 ? body.by : body.reason) = string;
    }
    return {};
  };
  auto status = impl_->read(text, [&](ondemand::object object) {
    return for_each_field(object, index_in(kNames), read_field);
  });
  if (!status.ok()) return status.error();
  return body;
}

Result<core::Input> JsonInput::operation(std::string_view line) {
  Draft draft;
  auto status = impl_->read(line, [&](ondemand::object object) {
    return for_each_field(
        object, index_in(kRegistrationNames),
        [&](int index, ondemand::value value) { return read_draft_field(index, value, draft); });
  });
  if (!status.ok()) return status.error();
  return operation_from(std::move(draft));
}

namespace {

Result<WatchBody::Item> read_watch_item(ondemand::value value, std::string_view default_namespace) {
  static constexpr std::array<std::string_view, 3> kNames = {"service", "namespace", "digest"};
  ondemand::object object;
  if (value.get_object().get(object)) return base::invalid("services", "must hold objects");
  WatchBody::Item item{{default_namespace, {}}, std::nullopt};
  auto status =
      for_each_field(object, index_in(kNames), [&](int index, ondemand::value field) -> Status {
        std::string_view text;
        if (auto read = read_string(kNames[static_cast<size_t>(index)], field, text); !read.ok())
          return read;
        if (index == 0) item.key.name = text;
        if (index == 1) item.key.space = text;
        if (index != 2) return {};
        item.digest = digest_from(text);
        return item.digest ? Status{}
                           : base::invalid("digest", "is not a digest: 11 characters of base64url");
      });
  if (!status.ok()) return status.error();
  if (item.key.name.empty()) return base::invalid("service", "is missing");
  return item;
}

}  // namespace

Result<WatchBody> JsonInput::watch(std::string_view text, std::string_view default_namespace) {
  static constexpr std::array<std::string_view, 1> kNames = {"services"};
  WatchBody body;
  const auto read_services = [&](int, ondemand::value value) -> Status {
    ondemand::array array;
    if (value.get_array().get(array)) return base::invalid("services", "must be an array");
    for (auto entry : array) {
      ondemand::value item_value;
      if (auto code = entry.get(item_value)) return malformed(code);
      auto item = read_watch_item(item_value, default_namespace);
      if (!item.ok()) return item.error();
      body.items.push_back(std::move(*item));
    }
    return {};
  };
  auto status = impl_->read(text, [&](ondemand::object object) {
    return for_each_field(object, index_in(kNames), read_services);
  });
  if (!status.ok()) return status.error();
  if (body.items.empty()) return base::invalid("services", "is missing or empty");
  return body;
}

}  // namespace callbook::native
