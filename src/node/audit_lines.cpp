#include "node/audit_lines.h"

#include <algorithm>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "base/address.h"
#include "base/check.h"
#include "base/log_text.h"
#include "base/name.h"
#include "core/cause.h"
#include "core/session_id.h"

namespace callbook::node {
namespace {

using base::LogLevel;
using base::LogLine;
using core::Incident;
using core::InstanceKey;

/// Of so many a sum gives the names.
constexpr size_t kNamesShown = 3;
/// Whoever knows all of a session's id may speak for it: the log has enough to tell two apart.
constexpr size_t kSessionDigits = 12;

std::string short_name(const core::SessionId& session) {
  return core::to_text(session).substr(0, kSessionDigits);
}

/// Builds a line of which the text is a headline and the fields that programs get.
class Line {
 public:
  Line(LogLevel level, std::string_view event, std::string headline) {
    line_.level = level;
    line_.event = event;
    line_.text = std::move(headline);
  }

  /// An empty value is left out.
  Line& with(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    fmt::format_to(std::back_inserter(line_.text), " {}=", name);
    base::append_log_value(line_.text, value);
    line_.fields.push_back({name, base::clip_log_value(value)});
    return *this;
  }
  Line& with_number(std::string_view name, int64_t value) {
    fmt::format_to(std::back_inserter(line_.text), " {}={}", name, value);
    line_.fields.push_back({name, value});
    return *this;
  }
  /// For programs alone: the headline has it.
  Line& name(const InstanceKey& key) {
    hide("service", key.service.name);
    if (key.service.space != core::kDefaultNamespace) hide("namespace", key.service.space);
    hide("id", key.id);
    return *this;
  }
  Line& hide(std::string_view name, std::string_view value) {
    if (!value.empty()) line_.fields.push_back({name, base::clip_log_value(value)});
    return *this;
  }
  Line& session(std::string_view name, const core::SessionId& session) {
    return session == core::SessionId{} ? *this : with(name, short_name(session));
  }
  Line& author(std::string_view by, std::string_view reason) {
    return with("by", by).with("reason", reason);
  }
  Line& caller(const core::Caller& caller) {
    if (caller.peer) with("peer", *caller.peer);
    return with("dialect", caller.dialect);
  }
  Line& error(const base::Error& error) {
    with("error", base::name_of(error.code));
    return with("detail", error.field.empty() ? error.detail : error.field + ": " + error.detail);
  }
  Line& error(const base::Result<core::Reply>& reply) {
    return reply.ok() ? *this : error(reply.error());
  }
  LogLine take() { return std::move(line_); }

 private:
  LogLine line_;
};

std::string address_of(std::string_view address, uint16_t port) {
  return port == 0 ? std::string(address) : base::host_port(address, port);
}

InstanceKey whole(const core::ServiceKey& service) {
  return {service, {}};
}

/// "(first: orders/o-1, orders/o-2, …)".
void append_first(std::string& text, const std::vector<std::string>& first, uint64_t count) {
  text += " (first: ";
  for (size_t i = 0; i < first.size(); ++i) text += (i == 0 ? "" : ", ") + first[i];
  text += count > first.size() ? ", \u2026)" : ")";
}

LogLine sum_line(std::string_view event, std::string text, uint64_t count,
                 const std::vector<std::string>& names) {
  const std::vector<std::string> first(
      names.begin(),
      names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kNamesShown)));
  append_first(text, first, count);
  LogLine line{LogLevel::kInfo, event, std::move(text), {}};
  line.fields.push_back({"count", static_cast<int64_t>(count)});
  line.fields.push_back({"first", first});
  return line;
}

std::string services_text(size_t services) {
  if (services >= Incident::kMostServices) return fmt::format("{} or more services", services);
  return services == 1 ? std::string("1 service") : fmt::format("{} services", services);
}

/// What is logged of inputs that are no operator's. Level trace: signs of life.
struct ProviderLine {
  const base::Result<core::Reply>& reply;
  const core::Caller& caller;

  using Made = std::optional<LogLine>;

  Line begin(LogLevel level, std::string_view event, std::string_view done, std::string_view wanted,
             std::string_view what) const {
    if (reply.ok()) return Line(level, event, fmt::format("{}: {}", done, what));
    return Line(level, "call_refused", fmt::format("refused: {} of {}", wanted, what))
        .hide("call", wanted);
  }
  Line begin(LogLevel level, std::string_view event, std::string_view done, std::string_view wanted,
             const core::SessionId& session) const {
    return begin(level, event, done, wanted, "session " + short_name(session));
  }

  Made operator()(const core::RegisterInstance& input) const {
    constexpr std::string_view kEvents[] = {"instance_registered", "instance_updated",
                                            "instance_unchanged"};
    constexpr std::string_view kDone[] = {"registered", "updated", "registered again, unchanged"};
    const auto* registered = reply.ok() ? std::get_if<core::InstanceRegistered>(&*reply) : nullptr;
    const size_t effect = registered == nullptr ? 0 : static_cast<size_t>(registered->effect);
    const core::Registration& made = input.registration;
    Line line =
        begin(LogLevel::kDebug, kEvents[effect], kDone[effect], "register", text_of(input.key));
    line.name(input.key).with("address", address_of(made.address, made.port));
    line.session("session", made.holder.session);
    if (made.holder.kind == core::HolderKind::kTtl) line.with_number("ttl_ms", made.holder.ttl_ms);
    return line.error(reply).caller(caller).take();
  }
  Made operator()(const core::SetStatus& input) const {
    Line line = begin(LogLevel::kDebug, "status_set", "status set by its provider", "status",
                      text_of(input.key));
    line.name(input.key).with("status", core::name_of(input.status)).with("text", input.text);
    return line.session("session", input.session).error(reply).caller(caller).take();
  }
  Made operator()(const core::DeregisterInstance& input) const {
    Line line = begin(LogLevel::kDebug, "instance_deregistered", "deregistered", "deregister",
                      text_of(input.key));
    line.name(input.key).session("session", input.session);
    if (input.drain_ms > 0) line.with_number("drain_ms", input.drain_ms);
    return line.error(reply).caller(caller).take();
  }
  Made operator()(const core::ReportInstance& input) const {
    Line line = begin(LogLevel::kDebug, "instance_reported", "reported by a consumer", "report",
                      text_of(input.key));
    return line.name(input.key).with("by", input.by).error(reply).caller(caller).take();
  }
  Made operator()(const core::OpenSession& input) const {
    Line line = begin(LogLevel::kDebug, "session_opened", "opened", "opening", input.id);
    if (reply.ok()) line.session("session", input.id);
    return line.with("client", input.client).error(reply).caller(caller).take();
  }
  Made operator()(const core::ResumeSession& input) const {
    return of_session(LogLevel::kDebug, "session_resumed", "resumed", "resuming", input.id);
  }
  Made operator()(const core::CloseSession& input) const {
    Line line = begin(LogLevel::kDebug, "session_closed", "closed", "closing", input.id);
    line.hide("session", short_name(input.id));
    if (const auto* ended = reply.ok() ? std::get_if<core::SessionEnded>(&*reply) : nullptr) {
      line.with_number("instances", ended->instances);
    }
    return line.error(reply).caller(caller).take();
  }
  Made operator()(const core::RefreshSession& input) const {
    return of_session(LogLevel::kTrace, "heartbeat", "heartbeat", "heartbeat", input.id);
  }
  Made operator()(const core::AttachSession& input) const {
    return of_session(LogLevel::kTrace, "session_attached", "attached", "attaching", input.id);
  }
  Made operator()(const core::DetachSession& input) const {
    return of_session(LogLevel::kTrace, "session_detached", "detached", "detaching", input.id);
  }
  Made operator()(const core::RefreshInstance& input) const {
    Line line = begin(LogLevel::kTrace, "heartbeat", "heartbeat", "heartbeat", text_of(input.key));
    return line.name(input.key).error(reply).caller(caller).take();
  }
  template <typename Other>
  Made operator()(const Other&) const {
    return std::nullopt;
  }

  Made of_session(LogLevel level, std::string_view event, std::string_view done,
                  std::string_view wanted, const core::SessionId& session) const {
    Line line = begin(level, event, done, wanted, session);
    return line.hide("session", short_name(session)).error(reply).caller(caller).take();
  }
};

/// What ProviderLine says at level trace: by far the most inputs.
bool is_sign_of_life(const core::Input& input) {
  return std::holds_alternative<core::RefreshSession>(input) ||
         std::holds_alternative<core::AttachSession>(input) ||
         std::holds_alternative<core::DetachSession>(input) ||
         std::holds_alternative<core::RefreshInstance>(input);
}

std::string name_shown(const Incident::Named& named) {
  if (!named.instance.id.empty()) return text_of(named.instance);
  if (named.client.empty()) return "session " + short_name(named.session);
  std::string client;
  base::append_log_value(client, named.client);
  return client;
}

}  // namespace

std::string text_of(const InstanceKey& instance) {
  std::string name;
  if (instance.service.space != core::kDefaultNamespace) name = instance.service.space + "/";
  name += instance.service.name;
  if (!instance.id.empty()) name += "/" + instance.id;
  std::string text;
  base::append_log_value(text, name);
  return text;
}

std::optional<core::OperatorAct> act_of(const core::Input& input) {
  if (const auto* set = std::get_if<core::SetOverride>(&input)) {
    return core::OperatorAct{"override", set->key, set->by, set->reason};
  }
  if (const auto* removed = std::get_if<core::RemoveOverride>(&input)) {
    return core::OperatorAct{"restore", removed->key, removed->by, removed->reason};
  }
  if (const auto* released = std::get_if<core::ReleaseBreaker>(&input)) {
    return core::OperatorAct{"release", whole(released->service), released->by, released->reason};
  }
  const auto* taken_out = std::get_if<core::DeregisterInstance>(&input);
  if (taken_out == nullptr || taken_out->by.empty()) return std::nullopt;  // a provider's own
  return core::OperatorAct{taken_out->drain_ms > 0 ? "drain" : "deregister", taken_out->key,
                           taken_out->by, taken_out->reason};
}

LogLine act_line(const core::Input& input, const core::Reply& reply, const core::Caller& caller) {
  const auto act = act_of(input);
  CALLBOOK_CHECK(act.has_value());
  const std::string shown = text_of(act->instance);
  const auto finish = [&](Line& line) {
    return line.author(act->by, act->reason).caller(caller).take();
  };
  if (const auto* set = std::get_if<core::SetOverride>(&input)) {
    Line line(LogLevel::kInfo, "override_set", "override set: " + shown);
    line.name(act->instance).with("state", set->out_of_service ? "out_of_service" : "");
    if (set->weight) line.with_number("weight", *set->weight);
    return finish(line);
  }
  if (std::holds_alternative<core::RemoveOverride>(input)) {
    Line line(LogLevel::kInfo, "override_removed", "override removed: " + shown);
    return finish(line.name(act->instance));
  }
  if (const auto* taken_out = std::get_if<core::DeregisterInstance>(&input)) {
    Line line(LogLevel::kInfo, "instance_taken_out", "taken out: " + shown);
    line.name(act->instance).with("act", act->name);
    if (taken_out->drain_ms > 0) line.with_number("drain_ms", taken_out->drain_ms);
    return finish(line);
  }
  Line line(LogLevel::kInfo, "protection_released", "protection released: " + shown);
  line.name(act->instance);
  const auto* released = std::get_if<core::BreakerReleased>(&reply);
  return finish(line.with_number("groups", released == nullptr ? 0 : released->groups));
}

LogLine refusal_line(const core::RefusedAct& refused) {
  const core::OperatorAct& act = refused.act;
  Line line(LogLevel::kInfo, "act_refused",
            fmt::format("refused: {} of {}", act.name, text_of(act.instance)));
  line.hide("act", act.name).name(act.instance).error(refused.error);
  return line.author(act.by, act.reason).caller(refused.caller).take();
}

std::string text_of(const core::RefusedAct& refused) {
  std::string text = fmt::format("{} of {}", refused.act.name, text_of(refused.act.instance));
  if (refused.caller.peer) text += " from " + *refused.caller.peer;
  return text;
}

LogLine refusal_sum_line(base::ErrorCode code, uint64_t count,
                         const std::vector<std::string>& first) {
  LogLine line = sum_line(
      "acts_refused", fmt::format("refused {} acts of operators: {}", count, base::name_of(code)),
      count, first);
  line.fields.push_back({"error", std::string(base::name_of(code))});
  return line;
}

std::optional<LogLine> provider_line(const core::Input& input,
                                     const base::Result<core::Reply>& reply,
                                     const core::Caller& caller, LogLevel least) {
  if (least > LogLevel::kTrace && is_sign_of_life(input)) return std::nullopt;
  return std::visit(ProviderLine{reply, caller}, input);
}

LogLine incident_line(const Incident& incident, const Incident::Named& named,
                      const core::Caller& caller) {
  const auto begin = [&](std::string_view event, std::string_view done) {
    const std::string what = named.instance.id.empty() ? "session " + short_name(named.session)
                                                       : text_of(named.instance);
    Line line(LogLevel::kInfo, event, fmt::format("{}: {}", done, what));
    line.name(named.instance);
    if (incident.kind != Incident::Kind::kTakenOver) {
      line.with("cause", core::name_of(incident.cause));
    }
    return line.with("address", address_of(named.address, named.port));
  };
  const auto finish = [&](Line line) {
    return line.session("session", named.session)
        .with("client", named.client)
        .caller(caller)
        .take();
  };
  switch (incident.kind) {
    case Incident::Kind::kRemoved:
      return finish(begin("instance_removed", "removed"));
    case Incident::Kind::kSessionEnded:
      return finish(begin("session_ended", "ended"));
    case Incident::Kind::kTakenOver: {
      Line line = begin("instance_taken_over", "taken over by a later session");
      line.session("by_session", named.heir).with("by_client", named.heir_client);
      return finish(std::move(line));
    }
    case Incident::Kind::kWordEnded: {
      Line line(
          LogLevel::kInfo, "override_ended",
          fmt::format("override ended, its id was gone for long: {}", text_of(named.instance)));
      return line.name(named.instance).author(named.by, named.reason).take();
    }
    case Incident::Kind::kInherited:
      break;
  }
  const bool of_session = named.instance.id.empty();
  Line line =
      begin(of_session ? "session_inherited" : "instance_inherited", "taken over from a lost node");
  line.with("node", named.lost_node);
  if (of_session) line.with_number("instances", named.instances);
  return finish(std::move(line));
}

LogLine incident_sum_line(const Incident& incident) {
  std::vector<std::string> names;
  for (const Incident::Named& named : incident.first) names.push_back(name_shown(named));
  const auto cause = core::name_of(incident.cause);
  const std::string services = services_text(incident.services.size());
  std::string_view event = "instances_removed";
  std::string text;
  switch (incident.kind) {
    case Incident::Kind::kRemoved:
      text = fmt::format("removed {} instances of {}: {}", incident.count, services, cause);
      break;
    case Incident::Kind::kSessionEnded:
      event = "sessions_ended";
      text = fmt::format("ended {} sessions without instances: {}", incident.count, cause);
      break;
    case Incident::Kind::kTakenOver:
      event = "instances_taken_over";
      text =
          fmt::format("{} instances of {} taken over by later sessions", incident.count, services);
      break;
    case Incident::Kind::kInherited:
      event = "sessions_inherited";
      text = fmt::format("taken over from lost nodes: {} sessions and instances", incident.count);
      break;
    case Incident::Kind::kWordEnded:
      event = "overrides_ended";
      text = fmt::format("ended {} overrides of {} whose ids were gone for long", incident.count,
                         services);
      break;
  }
  LogLine line = sum_line(event, std::move(text), incident.count, names);
  if (!incident.services.empty()) {
    line.fields.push_back({"services", static_cast<int64_t>(incident.services.size())});
  }
  line.fields.push_back({"cause", std::string(cause)});
  return line;
}

LogLine counts_line(const ProviderCounts& counts, int64_t passed_ms) {
  const std::string when =
      passed_ms < 1'500 ? std::string("second") : fmt::format("{} s", (passed_ms + 500) / 1'000);
  LogLine line{LogLevel::kInfo,
               "registrations",
               fmt::format("registered {}, deregistered {}, updated {} in the last {}",
                           counts.registered, counts.deregistered, counts.updated, when),
               {}};
  line.fields.push_back({"registered", static_cast<int64_t>(counts.registered)});
  line.fields.push_back({"deregistered", static_cast<int64_t>(counts.deregistered)});
  line.fields.push_back({"updated", static_cast<int64_t>(counts.updated)});
  line.fields.push_back({"window_ms", passed_ms});
  return line;
}

}  // namespace callbook::node
