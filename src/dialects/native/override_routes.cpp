// Moving traffic away from an instance without touching its provider.

#include "dialects/native/native_dialect.h"
#include "dialects/native/seen_json.h"

namespace callbook::native {

using base::Result;
using core::Reply;

namespace {

/// How long the other nodes are given to hear of a change.
constexpr int64_t kHeardWaitMs = 2'000;

}  // namespace

base::Result<NativeDialect::Until> NativeDialect::take_until(Call& call, bool may_wait) {
  const auto until = call.query.take("until");
  if (!until.ok()) return until.error();
  if (!*until) return Until::kAccepted;
  if (**until == "heard") return Until::kHeard;
  if (**until == "seen" && may_wait) return Until::kSeen;
  return base::invalid("until", may_wait ? "must be heard or seen" : "must be heard");
}

void NativeDialect::answer_change(core::SeenQuestion change, Until until,
                                  net::HttpExchange exchange) {
  const auto answer = [this, version = change.version, stamp = change.stamp](
                          net::HttpExchange& to, const core::Seen* seen) {
    net::HttpResponse response;
    base::JsonWriter json(response.body);
    json.begin_object().field("version", version);
    if (seen != nullptr) append_heard(json, *seen);
    json.end_object();
    show_stamp(response, stamp);
    to.respond(std::move(response));
  };
  if (until == Until::kAccepted) return answer(exchange, nullptr);
  change.heard_suffices = true;
  change.deadline_ms = front_.now().mono_ms + kHeardWaitMs;
  front_.when_seen_everywhere(
      std::move(change), [answer, exchange = std::move(exchange)](const core::Seen& seen) mutable {
        answer(exchange, &seen);
      });
}

core::Completion NativeDialect::answering_override(core::InstanceKey key, Until until,
                                                   net::HttpExchange exchange) {
  return [this, key = std::move(key), until,
          exchange = std::move(exchange)](const Result<Reply>& reply) mutable {
    if (!reply.ok()) return exchange.respond(failure(reply.error()));
    const auto& changed = std::get<core::OverrideChanged>(*reply);
    core::SeenQuestion change{std::move(key), changed.stamp, changed.version};
    change.of_override = true;
    answer_change(std::move(change), until, std::move(exchange));
  };
}

void NativeDialect::set_override(Call& call) {
  auto key = take_instance_key(call);
  const auto ack = take_ack(call);
  const auto until = take_until(call, false);
  if (!accept(call, key) || !accept(call, ack) || !accept(call, until) ||
      !accept(call, call.query.finish()) || !accept_body(call)) {
    return;
  }
  const auto stamp = take_stamp(call);
  auto body = json_.override_body(call.request.body);
  if (!accept(call, stamp) || !accept(call, body)) return;
  core::SetOverride wanted{
      *key,  body->weight, body->out_of_service, std::move(body->by), std::move(body->reason),
      *stamp};
  front_.submit(std::move(wanted), *ack, call.caller(),
                answering_override(std::move(*key), *until, std::move(call.exchange)));
}

void NativeDialect::remove_override(Call& call) {
  auto key = take_instance_key(call);
  const auto ack = take_ack(call);
  const auto until = take_until(call, false);
  auto by = call.query.take("by");
  auto reason = call.query.take("reason");
  const auto stamp = take_stamp(call);
  if (!accept(call, key) || !accept(call, ack) || !accept(call, until) || !accept(call, by) ||
      !accept(call, reason) || !accept(call, stamp) || !accept(call, call.query.finish())) {
    return;
  }
  core::RemoveOverride wanted{*key, by->value_or(""), reason->value_or(""), *stamp};
  front_.submit(std::move(wanted), *ack, call.caller(),
                answering_override(std::move(*key), *until, std::move(call.exchange)));
}

void NativeDialect::release_breaker(Call& call) {
  auto key = take_service_key(call);
  auto by = call.query.take("by");
  auto reason = call.query.take("reason");
  if (!accept(call, key) || !accept(call, by) || !accept(call, reason) ||
      !accept(call, call.query.finish())) {
    return;
  }
  front_.submit(core::ReleaseBreaker{std::move(*key), by->value_or(""), reason->value_or("")},
                core::Ack::kLocal, call.caller(),
                [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  net::HttpResponse response;
                  base::JsonWriter(response.body)
                      .begin_object()
                      .field("groups", std::get<core::BreakerReleased>(*reply).groups)
                      .end_object();
                  exchange.respond(std::move(response));
                });
}

void NativeDialect::report_instance(Call& call) {
  auto key = take_instance_key(call);
  auto by = call.query.take("by");
  if (!accept(call, key) || !accept(call, by) || !accept(call, call.query.finish())) return;
  front_.submit(core::ReportInstance{std::move(*key), by->value_or("")}, core::Ack::kLocal,
                call.caller(),
                [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  net::HttpResponse response;
                  base::JsonWriter(response.body)
                      .begin_object()
                      .field("reports", std::get<core::InstanceReported>(*reply).reports)
                      .end_object();
                  exchange.respond(std::move(response));
                });
}

}  // namespace callbook::native
