#include <fmt/format.h>

#include "dialects/native/batch_call.h"
#include "dialects/native/json_output.h"
#include "dialects/native/native_dialect.h"
#include "dialects/native/registered_json.h"
#include "dialects/native/seen_json.h"

namespace callbook::native {

using base::Result;
using core::Ack;
using core::Reply;

namespace {

/// How long a removal that is not drained waits to be seen.
constexpr int64_t kSeenWaitMs = 30'000;

/// Why an instance is not listed, as far as that is known.
std::string missing_because(const core::ServiceView* view, std::string_view id) {
  if (view != nullptr && view->overrides != nullptr) {
    const auto said = view->overrides->find(id);
    if (said != view->overrides->end() && said->second.exclusion) {
      return fmt::format("is not listed: taken out ({}) by {}{}{}; restore ends that",
                         name_of(said->second.exclusion->action), said->second.by,
                         said->second.reason.empty() ? "" : ": ", said->second.reason);
    }
  }
  return "is not registered";
}

}  // namespace

void NativeDialect::register_instance(Call& call) {
  auto key = take_instance_key(call);
  const auto ack = take_ack(call);
  const auto take_over = take_flag(call, "take_over");
  if (!accept(call, key) || !accept(call, ack) || !accept(call, take_over) ||
      !accept(call, call.query.finish()) || !accept_body(call)) {
    return;
  }
  const auto stamp = take_stamp(call);
  auto body = json_.registration(call.request.body);
  if (!accept(call, stamp) || !accept(call, body)) return;
  front_.submit(core::RegisterInstance{std::move(*key), std::move(body->registration), *stamp,
                                       body->status, *take_over},
                *ack, call.caller(),
                [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  const auto& registered = std::get<core::InstanceRegistered>(*reply);
                  net::HttpResponse response;
                  response.status = status_of(registered.effect);
                  base::JsonWriter json(response.body);
                  json.begin_object();
                  append_registered(json, registered);
                  json.end_object();
                  show_stamp(response, registered.stamp);
                  exchange.respond(std::move(response));
                });
}

void NativeDialect::set_status(Call& call) {
  auto key = take_instance_key(call);
  const auto ack = take_ack(call);
  const auto session = take_session(call);
  if (!accept(call, key) || !accept(call, ack) || !accept(call, session) ||
      !accept(call, call.query.finish()) || !accept_body(call)) {
    return;
  }
  const auto stamp = take_stamp(call);
  auto body = json_.status(call.request.body);
  if (!accept(call, stamp) || !accept(call, body)) return;
  front_.submit(
      core::SetStatus{std::move(*key), body->status, std::move(body->text), *session, *stamp}, *ack,
      call.caller(),
      [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
        if (!reply.ok()) return exchange.respond(failure(reply.error()));
        const auto& set = std::get<core::StatusSet>(*reply);
        net::HttpResponse response;
        base::JsonWriter(response.body).begin_object().field("version", set.version).end_object();
        show_stamp(response, set.stamp);
        exchange.respond(std::move(response));
      });
}

void NativeDialect::refresh_instance(Call& call) {
  auto key = take_instance_key(call);
  if (!accept(call, key) || !accept(call, call.query.finish())) return;
  front_.submit(core::RefreshInstance{std::move(*key)}, Ack::kLocal, call.caller(),
                [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  net::HttpResponse response;
                  base::JsonWriter(response.body)
                      .begin_object()
                      .field("ttl_ms", std::get<core::InstanceRefreshed>(*reply).ttl_ms)
                      .end_object();
                  exchange.respond(std::move(response));
                });
}

void NativeDialect::get_instance(Call& call) {
  const auto scope = take_scope(call);
  const auto key = take_instance_key(call);
  if (!accept(call, scope) || !accept(call, key) || !accept(call, call.query.finish())) return;
  const core::ServiceViewPtr& view = scope->catalog->find(key->service);
  const core::ListEntry* entry = view ? view->list.find(key->id) : nullptr;
  if (entry == nullptr) {
    return call.fail(
        {base::ErrorCode::kNotFound, "id", missing_because(view.get(), key->id), std::nullopt});
  }
  std::string out;
  base::JsonWriter json(out);
  json.begin_object().field("id", entry->id());
  append_origin(json, scope->origin(front_.now().mono_ms));
  append_instance_members(json, *entry, *view->interner);
  append_override(json, *view, entry->id());
  append_status(json, *view, entry->id());
  json.end_object();
  call.answer(200, std::move(out));
}

base::Result<NativeDialect::Removal> NativeDialect::take_removal(Call& call) {
  Removal removal;
  auto drain = call.query.take("drain");
  if (!drain.ok()) return drain.error();
  if (*drain) {
    auto drain_ms = parse_duration_ms("drain", **drain, front_.limits().max_drain_ms);
    if (!drain_ms.ok()) return drain_ms.error();
    removal.drain_ms = *drain_ms;
  }
  const auto until = take_until(call, true);
  if (!until.ok()) return until.error();
  removal.until = *until;
  auto by = call.query.take("by");
  if (!by.ok()) return by.error();
  auto reason = call.query.take("reason");
  if (!reason.ok()) return reason.error();
  if (*by && (*by)->empty()) return base::invalid("by", "is empty: who wants this?");
  if (*reason && !*by) return base::invalid("reason", "goes with by");
  removal.by = by->value_or("");
  removal.reason = reason->value_or("");
  return removal;
}

void NativeDialect::deregister_instance(Call& call) {
  auto key = take_instance_key(call);
  const auto ack = take_ack(call);
  const auto session = take_session(call);
  const auto removal = take_removal(call);
  const auto stamp = take_stamp(call);
  if (!accept(call, key) || !accept(call, ack) || !accept(call, session)) return;
  if (!accept(call, removal) || !accept(call, stamp) || !accept(call, call.query.finish())) return;
  if (!removal->by.empty() && *session != core::SessionId{}) {
    return call.fail(base::invalid("session", "is of a provider's removal; it goes without by"));
  }
  const core::InstanceKey instance = *key;
  front_.submit(core::DeregisterInstance{std::move(*key), *stamp, *session, removal->drain_ms,
                                         removal->by, removal->reason},
                *ack, call.caller(),
                [this, instance, removal = *removal,
                 exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  removed(instance, std::get<core::InstanceDeregistered>(*reply), removal,
                          std::move(exchange));
                });
}

/// Answers a removal, at once, when the nodes know of it, or when all watchers have been sent it.
void NativeDialect::removed(const core::InstanceKey& instance,
                            const core::InstanceDeregistered& gone, const Removal& removal,
                            net::HttpExchange exchange) {
  core::SeenQuestion change{instance, gone.stamp, gone.version};
  change.of_override = !removal.by.empty();
  if (removal.until != Until::kSeen) {
    return answer_change(std::move(change), removal.until, std::move(exchange));
  }
  const int64_t wait_ms = removal.drain_ms > 0 ? removal.drain_ms : kSeenWaitMs;
  change.deadline_ms = front_.now().mono_ms + wait_ms;
  front_.when_seen_everywhere(std::move(change), [this, gone, exchange = std::move(exchange)](
                                                     const core::Seen& seen) mutable {
    net::HttpResponse response;
    base::JsonWriter json(response.body);
    json.begin_object().field("version", gone.version);
    append_seen(json, seen);
    json.end_object();
    show_stamp(response, gone.stamp);
    exchange.respond(std::move(response));
  });
}

void NativeDialect::batch(Call& call) {
  const auto ack = take_ack(call);
  if (!accept(call, ack) || !accept(call, call.query.finish())) return;
  BatchCall::start(front_, json_, call.request.body, limits_.max_batch_lines, *ack, call.caller(),
                   std::move(call.exchange));
}

}  // namespace callbook::native
