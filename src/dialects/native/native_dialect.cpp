#include "dialects/native/native_dialect.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/hash.h"
#include "base/name.h"
#include "core/stamp_token.h"
#include "dialects/native/problem.h"
#include "dialects/native/session_field.h"
#include "net/percent.h"

namespace callbook::native {
namespace {

constexpr int64_t kTickMs = 250;
/// Streams are sent elsewhere no faster than one in so long, so that their clients don't fall on
/// the other nodes all at once; within the bound that leave() is given.
constexpr int64_t kLeaveEachMs = 2;
constexpr int64_t kLeaveStepMs = 20;
constexpr int64_t kLeaveGraceMs = 500;
/// By which a client carries what one node told it to another (docs/native-api.md, "Stamps").
constexpr std::string_view kStampHeader = "Callbook-Stamp";
/// A stamp that is further ahead of this node's clock is not taken from a client: who knows the key
/// (without a secret one, everybody) must not carry all clocks along into the next century.
constexpr int64_t kMaxStampAheadMs = 24LL * 3600 * 1000;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_name(std::string_view segment) {
  return segment.starts_with('{');
}

}  // namespace

NativeDialect::NativeDialect(core::Front& front, net::EventLoop& loop, NativeLimits limits)
    : front_(front),
      limits_(limits),
      encoder_(front.facts().boot_id),
      retry_seed_(front.new_session_id().low),
      loop_(loop),
      ticker_(loop.every(kTickMs, [this] {
        const int64_t now_ms = front_.now().mono_ms;
        watches_.tick(now_ms);
        attachments_.tick(now_ms);
        polls_.tick(now_ms);
      })) {}

NativeDialect::~NativeDialect() {
  answer_waiting();
}

const std::vector<NativeDialect::Route>& NativeDialect::table() {
  using net::Method;
  static const std::vector<Route> kRoutes = {
      {Method::kPut, "/v1/services/{service}/instances/{id}", &NativeDialect::register_instance,
       true},
      {Method::kPut, "/v1/sessions/{session}/heartbeat", &NativeDialect::refresh_session, true},
      {Method::kPut, "/v1/services/{service}/instances/{id}/heartbeat",
       &NativeDialect::refresh_instance, true},
      {Method::kPut, "/v1/services/{service}/instances/{id}/status", &NativeDialect::set_status,
       true},
      {Method::kGet, "/v1/services/{service}/instances/{id}", &NativeDialect::get_instance, true,
       true},
      {Method::kDelete, "/v1/services/{service}/instances/{id}",
       &NativeDialect::deregister_instance, true, false, "deregister", true},
      {Method::kPut, "/v1/services/{service}/instances/{id}/override", &NativeDialect::set_override,
       true, false, "override"},
      {Method::kDelete, "/v1/services/{service}/instances/{id}/override",
       &NativeDialect::remove_override, true, false, "restore"},
      {Method::kGet, "/v1/services/{service}/checks", &NativeDialect::get_checks, true},
      {Method::kPost, "/v1/services/{service}/release", &NativeDialect::release_breaker, true,
       false, "release"},
      {Method::kPost, "/v1/services/{service}/instances/{id}/report",
       &NativeDialect::report_instance, true},
      {Method::kPost, "/v1/batch", &NativeDialect::batch, true},
      {Method::kPost, "/v1/sessions", &NativeDialect::open_session, true},
      {Method::kGet, "/v1/sessions/{session}/attach", &NativeDialect::attach_session, true},
      {Method::kDelete, "/v1/sessions/{session}", &NativeDialect::close_session, true},
      {Method::kGet, "/v1/services", &NativeDialect::list_services, true, true},
      {Method::kGet, "/v1/services/{service}", &NativeDialect::get_service, true, true},
      {Method::kGet, "/v1/watch", &NativeDialect::watch_by_query, true, true},
      {Method::kPost, "/v1/watch", &NativeDialect::watch_by_body, true, true},
      {Method::kGet, "/v1/export", &NativeDialect::export_all, true},
      {Method::kGet, "/v1/status", &NativeDialect::status, false},
      {Method::kGet, "/v1/nodes", &NativeDialect::nodes, false},
      {Method::kGet, "/healthz", &NativeDialect::healthz, false},
      {Method::kGet, "/readyz", &NativeDialect::readyz, false},
      {Method::kGet, "/metrics", &NativeDialect::metrics, false},
  };
  return kRoutes;
}

std::vector<std::string> NativeDialect::routes() {
  std::vector<std::string> lines;
  for (const Route& route : table()) {
    lines.push_back(fmt::format("{} {}", net::name_of(route.method), route.path));
  }
  return lines;
}

const NativeDialect::Route* NativeDialect::match(net::Method method,
                                                 const std::vector<std::string>& segments,
                                                 std::vector<std::string>& names,
                                                 std::string& allowed) const {
  static const std::vector<std::vector<std::string_view>> kPatterns = [] {
    std::vector<std::vector<std::string_view>> patterns;
    for (const Route& route : table()) patterns.push_back(split(route.path));
    return patterns;
  }();
  for (size_t i = 0; i < kPatterns.size(); ++i) {
    const auto& pattern = kPatterns[i];
    bool fits = pattern.size() == segments.size();
    for (size_t s = 0; fits && s < pattern.size(); ++s) {
      fits = is_name(pattern[s]) || pattern[s] == segments[s];
    }
    if (!fits) continue;
    const Route& route = table()[i];
    if (!allowed.empty()) allowed += ", ";
    allowed += net::name_of(route.method);
    const bool head = method == net::Method::kHead && route.method == net::Method::kGet;
    if (route.method != method && !head) continue;
    for (size_t s = 0; s < pattern.size(); ++s) {
      if (is_name(pattern[s])) names.push_back(segments[s]);
    }
    return &route;
  }
  return nullptr;
}

void NativeDialect::handle(const net::HttpRequest& request, net::HttpExchange exchange) {
  Call call{request, {}, {}, std::move(exchange), *this};
  const auto segments = net::split_path(request.path);
  if (!accept(call, segments)) return;
  std::string allowed;
  const Route* route = match(request.method, *segments, call.names, allowed);
  if (route == nullptr) {
    if (allowed.empty()) {
      return call.fail({base::ErrorCode::kNotFound, "path",
                        "is not known here; see docs/native-api.md", std::nullopt});
    }
    const auto detail = fmt::format("{} is not served on this path", net::name_of(request.method));
    net::HttpResponse response = problem_with_status(405, base::invalid("method", detail));
    response.headers.emplace_back("Allow", allowed);
    return call.exchange.respond(std::move(response));
  }
  // Read before anything is refused: the log says of a refused act whose it was.
  auto query = Query::parse(request.query);
  if (query.ok()) call.query = std::move(*query);
  if (!route->act.empty()) note_act(call, *route);
  if (route->needs_ready && !front_.ready()) {
    return call.fail({base::ErrorCode::kNotReady, "", "the registry is still loading its catalog",
                      std::nullopt});
  }
  if (!accept(call, query)) return;
  if (!route->any_dc && !accept(call, take_own_scope(call))) return;
  (this->*route->serve)(call);
}

void NativeDialect::leave(int64_t most_ms, std::function<void()> done) {
  const size_t streams = watches_.size() + attachments_.size();
  const int64_t gentle_ms = static_cast<int64_t>(streams) * kLeaveEachMs;
  leaving_ = {front_.now().mono_ms, std::min(most_ms, gentle_ms), streams, 0, std::move(done)};
  leaver_ = loop_.every(kLeaveStepMs, [this] { leave_some(); });
}

void NativeDialect::leave_some() {
  const int64_t passed_ms = front_.now().mono_ms - leaving_.since_ms;
  const auto share = static_cast<double>(passed_ms) /
                     static_cast<double>(std::max<int64_t>(leaving_.spread_ms, 1));
  const auto due =
      static_cast<size_t>(std::min(share, 1.0) * static_cast<double>(leaving_.streams));
  // Who comes while this node leaves is sent on at once.
  const size_t most =
      share >= 1.0 ? std::numeric_limits<size_t>::max() : due - std::min(due, leaving_.asked);
  const size_t asked = attachments_.leave(most);
  leaving_.asked += asked + watches_.leave(most - asked);
  const bool gone = watches_.size() + attachments_.size() == 0;
  if (!gone && passed_ms < leaving_.spread_ms + kLeaveGraceMs) return;
  if (auto done = std::exchange(leaving_.done, nullptr)) done();
}

net::HttpResponse NativeDialect::refuse(int status, const base::Error& error) {
  return problem_with_status(status, error, status == 503 ? spread_retry_ms() : 0);
}

int64_t NativeDialect::spread_retry_ms() {
  retry_seed_ = base::mix64(retry_seed_ + 1);
  return 200 + static_cast<int64_t>(retry_seed_ % 1800);
}

net::HttpResponse NativeDialect::failure(const base::Error& error) {
  return problem(error, status_of(error) == 503 ? spread_retry_ms() : 0);
}

void NativeDialect::Call::note_refusal(const base::Error& error) const {
  if (act) dialect.front_.note_refusal({*act, error, caller()});
}

/// What the request says of an operator's act, before any of it is checked.
void NativeDialect::note_act(Call& call, const Route& route) {
  if (route.act_has_author && !call.query.has("by")) return;
  core::OperatorAct act{route.act, {}, call.query.first("by"), call.query.first("reason")};
  const std::string space = call.query.first("namespace");
  act.instance.service = {space.empty() ? core::kDefaultNamespace : space, call.names[0]};
  if (call.names.size() > 1) act.instance.id = call.names[1];
  call.act = std::move(act);
}

void NativeDialect::Call::answer(int status, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  exchange.respond(std::move(response));
}

Scope NativeDialect::scope_of(core::FollowedDatacenter& followed) {
  auto encoder = followed_encoders_.find(followed.name);
  if (encoder == followed_encoders_.end()) {
    // Versions of another catalog: its event ids must not pass for the own ones.
    EventEncoder made(fmt::format("{}.{}", front_.facts().boot_id, followed.name));
    encoder = followed_encoders_.emplace(followed.name, std::move(made)).first;
  }
  return {&followed.catalog, &encoder->second, &followed};
}

base::Result<Scope> NativeDialect::take_scope(Call& call) {
  const auto named = call.query.take("dc");
  if (!named.ok()) return named.error();
  const Scope own{&front_.catalog(), &encoder_, nullptr};
  if (!*named || **named == front_.facts().datacenter) return own;
  if (auto status = base::check_name("dc", **named); !status.ok()) return status.error();
  core::FollowedDatacenter* followed = front_.followed(**named);
  if (followed == nullptr) {
    const auto others = front_.followed_names();
    return base::Error{
        base::ErrorCode::kNotFound, "dc",
        fmt::format("'{}' is not followed here; this is {}, which follows {}", **named,
                    front_.facts().datacenter,
                    others.empty() ? "no other" : fmt::format("{}", fmt::join(others, ", "))),
        std::nullopt};
  }
  if (!followed->whole) {
    return base::Error{base::ErrorCode::kNotReady, "dc",
                       fmt::format("'{}' has not been reached since this node started", **named),
                       std::nullopt};
  }
  return scope_of(*followed);
}

base::Status NativeDialect::take_own_scope(Call& call) {
  const auto named = call.query.take("dc");
  if (!named.ok()) return named.error();
  if (!*named || **named == front_.facts().datacenter) return {};
  return base::invalid("dc", fmt::format("'{}' is read-only here, which is {}; turn to its nodes",
                                         **named, front_.facts().datacenter));
}

Scope NativeDialect::scope_with_somebody(const core::ServiceKey& key,
                                         const InstanceFilter& filter) {
  const auto has_somebody = [&](const core::PublishedCatalog& catalog) {
    const core::ServiceViewPtr& view = catalog.find(key);
    return view && !view->list.visit_after({}, [&](const core::ListEntry& entry) {
      return !core::may_be_called(entry.state(), view->standing) ||
             !filter.matches(entry, *view->interner);
    });
  };
  const Scope own{&front_.catalog(), &encoder_, nullptr};
  if (has_somebody(*own.catalog)) return own;
  const int64_t now_ms = front_.now().mono_ms;
  for (const bool stale : {false, true}) {
    for (const std::string& name : front_.facts().failover.order(key)) {
      core::FollowedDatacenter* followed = front_.followed(name);
      const bool fits = followed != nullptr && followed->is_stale(now_ms) == stale;
      if (fits && has_somebody(followed->catalog)) return scope_of(*followed);
    }
  }
  return own;
}

base::Result<core::ServiceKey> NativeDialect::take_service_key(Call& call) {
  auto space = call.query.take("namespace");
  if (!space.ok()) return space.error();
  core::ServiceKey key(space->value_or(std::string(core::kDefaultNamespace)), call.names[0]);
  if (auto status = base::check_name("namespace", key.space); !status.ok()) return status.error();
  if (auto status = base::check_name("service", key.name); !status.ok()) return status.error();
  return key;
}

base::Result<core::InstanceKey> NativeDialect::take_instance_key(Call& call) {
  auto service = take_service_key(call);
  if (!service.ok()) return service.error();
  if (auto status = base::check_name("id", call.names[1]); !status.ok()) return status.error();
  return core::InstanceKey{std::move(*service), call.names[1]};
}

base::Result<core::Ack> NativeDialect::take_ack(Call& call) {
  auto text = call.query.take("ack");
  if (!text.ok()) return text.error();
  if (!*text || **text == "local") return core::Ack::kLocal;
  if (**text == "logged") return core::Ack::kLogged;
  return base::invalid("ack", "must be local or logged");
}

base::Result<core::SessionId> NativeDialect::take_session(Call& call) {
  auto text = call.query.take("session");
  if (!text.ok()) return text.error();
  if (!*text) return core::SessionId{};
  return read_session_id("session", **text);
}

base::Result<core::Stamp> NativeDialect::take_stamp(const Call& call) const {
  if (!front_.facts().clustered) return core::Stamp{};
  const std::string_view token = call.request.header(kStampHeader);
  if (token.empty()) return core::Stamp{};
  const auto stamp = core::stamp_from_token(token, front_.facts().stamp_key);
  if (!stamp) {
    return base::invalid(kStampHeader, "is not one that a node of this cluster has given");
  }
  // Passed over, not refused: what this node has heard from the others may be as far ahead.
  const bool absurd =
      static_cast<int64_t>(stamp->hlc >> 16) > front_.now().wall_ms + kMaxStampAheadMs;
  return absurd ? core::Stamp{} : *stamp;
}

void NativeDialect::show_stamp(net::HttpResponse& response, const core::Stamp& stamp) const {
  if (!front_.facts().clustered || stamp.hlc == 0) return;
  response.headers.emplace_back(kStampHeader, core::stamp_token(stamp, front_.facts().stamp_key));
}

base::Result<bool> NativeDialect::take_flag(Call& call, std::string_view name) {
  auto text = call.query.take(name);
  if (!text.ok()) return text.error();
  if (!*text) return false;
  if (**text != "true") return base::invalid(name, "must be true");
  return true;
}

base::Result<uint32_t> NativeDialect::take_epoch(Call& call) {
  auto text = call.query.take("epoch");
  if (!text.ok()) return text.error();
  if (!*text) return 0U;
  const auto epoch = parse_count("epoch", **text, std::numeric_limits<uint32_t>::max());
  if (!epoch.ok()) return epoch.error();
  return static_cast<uint32_t>(*epoch);
}

bool NativeDialect::accept_body(Call& call) const {
  const uint64_t size = call.request.body.size();
  const uint64_t most = limits_.max_request_body_bytes;
  if (size <= most) return true;
  const auto detail = fmt::format("is {} bytes long; the limit here is {}", size, most);
  const auto error = base::over_limit("body", detail, static_cast<int64_t>(most));
  call.note_refusal(error);
  call.exchange.respond(problem_with_status(413, error));
  return false;
}

NativeDialect::Stats NativeDialect::stats() const {
  return {watches_.size(), attachments_.size(), mute_streams_,
          polls_.size(),   encoder_.misses(),   encoder_.hits()};
}

}  // namespace callbook::native
