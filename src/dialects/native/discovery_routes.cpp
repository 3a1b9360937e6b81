#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/name.h"
#include "dialects/native/json_output.h"
#include "dialects/native/long_poll.h"
#include "dialects/native/native_dialect.h"
#include "dialects/native/session_field.h"
#include "dialects/native/watch_stream.h"

namespace callbook::native {
namespace {

constexpr uint64_t kDefaultPage = 1'000;
constexpr uint64_t kMaxPage = 100'000;

base::Result<InstanceFilter> take_filter(Query& query) {
  InstanceFilter filter;
  auto zone = query.take("zone");
  if (!zone.ok()) return zone.error();
  auto state = query.take("state");
  if (!state.ok()) return state.error();
  if (*state && !core::instance_state_from(**state)) {
    return base::invalid("state",
                         "must be up, suspect, down, protected, unattended, starting, not_ready, "
                         "failing, draining or out_of_service");
  }
  filter.zone = std::move(*zone);
  filter.state = std::move(*state);
  filter.metadata = query.take_prefixed("meta.");
  return filter;
}

std::string services_json(const std::vector<const core::ServiceView*>& page, bool more,
                          const Origin& origin) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_object();
  append_origin(json, origin);
  json.key("services").begin_array();
  for (const core::ServiceView* view : page) {
    json.begin_object();
    append_service_key(json, view->key);
    json.field("instances", uint64_t{view->list.size()})
        .field("version", view->version)
        .end_object();
  }
  json.end_array();
  if (more) json.field("next", page.back()->key.name);
  json.end_object();
  out += '\n';
  return out;
}

}  // namespace

void NativeDialect::list_services(Call& call) {
  const auto scope = take_scope(call);
  const auto space = call.query.take("namespace");
  const auto prefix = call.query.take("prefix");
  const auto after = call.query.take("after");
  const auto limit_text = call.query.take("limit");
  if (!accept(call, scope) || !accept(call, space) || !accept(call, prefix) ||
      !accept(call, after) || !accept(call, limit_text) || !accept(call, call.query.finish())) {
    return;
  }
  const std::string wanted_space = space->value_or(std::string(core::kDefaultNamespace));
  if (!accept(call, base::check_name("namespace", wanted_space))) return;
  const auto limit = *limit_text ? parse_count("limit", **limit_text, kMaxPage)
                                 : base::Result<uint64_t>(kDefaultPage);
  if (!accept(call, limit)) return;

  std::vector<const core::ServiceView*> found;
  scope->catalog->for_each([&](const core::ServiceViewPtr& view) {
    if (view->key.space != wanted_space || view->list.empty()) return;
    if (*prefix && !view->key.name.starts_with(**prefix)) return;
    if (*after && view->key.name <= **after) return;
    found.push_back(view.get());
  });
  const auto by_name = [](const core::ServiceView* a, const core::ServiceView* b) {
    return a->key.name < b->key.name;
  };
  const bool more = found.size() > *limit;
  const auto page_end =
      found.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(found.size(), *limit));
  std::partial_sort(found.begin(), page_end, found.end(), by_name);
  found.erase(page_end, found.end());
  call.answer(200, services_json(found, more, scope->origin(front_.now().mono_ms)));
}

void NativeDialect::get_service(Call& call) {
  auto key = take_service_key(call);
  const auto failover = call.query.take("failover");
  if (!accept(call, failover)) return;
  if (*failover && **failover != "true") {
    return call.fail(base::invalid("failover", "must be true"));
  }
  const bool names_dc = call.query.has("dc");
  auto scope = take_scope(call);
  auto filter = take_filter(call.query);
  const auto wait = call.query.take("wait");
  const auto digest_query = call.query.take("digest");
  if (!accept(call, key) || !accept(call, scope) || !accept(call, filter) || !accept(call, wait) ||
      !accept(call, digest_query) || !accept(call, call.query.finish())) {
    return;
  }
  if (*failover) {
    if (names_dc || *wait) {
      return call.fail(base::invalid("failover", "goes neither with dc nor with wait"));
    }
    *scope = scope_with_somebody(*key, *filter);
  }
  const core::ServiceViewPtr& view = scope->catalog->find(*key);
  if (*wait) {
    const auto wait_ms = parse_duration_ms("wait", **wait, limits_.max_wait_ms);
    if (!accept(call, wait_ms)) return;
    if (!*digest_query)
      return call.fail(base::invalid("digest", "is missing: what the wait is for"));
    const auto digest = digest_from(**digest_query);
    if (!digest)
      return call.fail(base::invalid("digest", "is not a digest: 11 characters of base64url"));
    if (*digest == (view ? view->digest : 0)) {
      LongPoll::Question question{*scope, *key, *digest, front_.now().mono_ms + *wait_ms,
                                  std::move(*filter)};
      return LongPoll::start(front_, polls_, std::move(question), std::move(call.exchange));
    }
  } else if (*digest_query) {
    return call.fail(base::invalid("digest", "goes with wait"));
  }
  call.answer(200, snapshot_json(*key, view.get(), *filter, scope->origin(front_.now().mono_ms)));
}

void NativeDialect::watch_by_query(Call& call) {
  const auto scope = take_scope(call);
  const auto space = call.query.take("namespace");
  if (!accept(call, scope) || !accept(call, space)) return;
  WatchBody wanted;
  for (std::string& name : call.query.take_all("service")) {
    wanted.items.push_back(
        {{space->value_or(std::string(core::kDefaultNamespace)), name}, std::nullopt});
  }
  if (wanted.items.empty()) return call.fail(base::invalid("service", "is missing"));
  std::optional<uint64_t> resume_from =
      scope->encoder->version_of(call.request.header("Last-Event-ID"));
  if (resume_from && *resume_from > scope->catalog->version()) resume_from.reset();
  start_watch(call, *scope, std::move(wanted), resume_from);
}

void NativeDialect::watch_by_body(Call& call) {
  const auto scope = take_scope(call);
  const auto space = call.query.take("namespace");
  if (!accept(call, scope) || !accept(call, space) || !accept_body(call)) return;
  auto wanted =
      json_.watch(call.request.body, space->value_or(std::string(core::kDefaultNamespace)));
  if (!accept(call, wanted)) return;
  start_watch(call, *scope, std::move(*wanted), std::nullopt);
}

void NativeDialect::start_watch(Call& call, const Scope& scope, WatchBody body,
                                std::optional<uint64_t> resume_from) {
  const auto session_text = call.query.take("session");
  if (!accept(call, session_text) || !accept(call, call.query.finish())) return;
  if (body.items.size() > limits_.max_watched_services) {
    return call.fail(
        base::over_limit("service",
                         fmt::format("{} services are named; the limit of a stream is {}",
                                     body.items.size(), limits_.max_watched_services),
                         limits_.max_watched_services));
  }
  std::vector<WatchStream::Wanted> wanted;
  std::set<core::ServiceKey> named;
  for (WatchBody::Item& item : body.items) {
    if (!named.insert(item.key).second) {
      return call.fail(base::invalid("service", fmt::format("'{}' is named twice", item.key.name)));
    }
    if (!accept(call, base::check_name("namespace", item.key.space)) ||
        !accept(call, base::check_name("service", item.key.name))) {
      return;
    }
    const auto cursor = item.digest   ? core::WatchCursor::with_digest(*item.digest)
                        : resume_from ? core::WatchCursor::at_version(*resume_from)
                                      : core::WatchCursor::blank();
    wanted.push_back({std::move(item.key), cursor});
  }
  const auto begin = [this, scope](net::HttpExchange& exchange,
                                   std::vector<WatchStream::Wanted> services,
                                   std::unique_ptr<SessionTie> tie) {
    auto stream =
        std::make_unique<WatchStream>(front_, scope, watches_, std::move(services), std::move(tie));
    exchange.stream("text/event-stream", std::move(stream));
  };
  if (!*session_text) return begin(call.exchange, std::move(wanted), nullptr);
  const auto session = read_session_id("session", **session_text);
  if (!accept(call, session)) return;
  front_.submit(core::AttachSession{*session}, core::Ack::kLocal, call.caller(),
                [this, begin, services = std::move(wanted), exchange = std::move(call.exchange)](
                    const base::Result<core::Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  const auto& opened = std::get<core::SessionOpened>(*reply);
                  begin(exchange, std::move(services),
                        std::make_unique<SessionTie>(front_, opened.id, opened.heartbeat_ms));
                });
}

}  // namespace callbook::native
