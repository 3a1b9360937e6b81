// Moving traffic away from an instance without touching its provider.

#include "dialects/native/native_dialect.h"

namespace callbook::native {

using base::Result;
using core::Reply;

namespace {

auto answering_version(NativeDialect& dialect, net::HttpExchange exchange) {
  return [&dialect, exchange = std::move(exchange)](const Result<Reply>& reply) mutable {
    if (!reply.ok()) return exchange.respond(dialect.failure(reply.error()));
    net::HttpResponse response;
    base::JsonWriter(response.body)
        .begin_object()
        .field("version", std::get<core::OverrideChanged>(*reply).version)
        .end_object();
    dialect.show_stamp(response, std::get<core::OverrideChanged>(*reply).stamp);
    exchange.respond(std::move(response));
  };
}

}  // namespace

void NativeDialect::set_override(Call& call) {
  auto key = take_instance_key(call);
  const auto ack = take_ack(call);
  if (!accept(call, key) || !accept(call, ack) || !accept(call, call.query.finish()) ||
      !accept_body(call)) {
    return;
  }
  const auto stamp = take_stamp(call);
  auto body = json_.override_body(call.request.body);
  if (!accept(call, stamp) || !accept(call, body)) return;
  front_.submit(core::SetOverride{std::move(*key), body->weight, body->out_of_service,
                                  std::move(body->by), std::move(body->reason), *stamp},
                *ack, call.caller(), answering_version(*this, std::move(call.exchange)));
}

void NativeDialect::remove_override(Call& call) {
  auto key = take_instance_key(call);
  const auto ack = take_ack(call);
  auto by = call.query.take("by");
  auto reason = call.query.take("reason");
  const auto stamp = take_stamp(call);
  if (!accept(call, key) || !accept(call, ack) || !accept(call, by) || !accept(call, reason) ||
      !accept(call, stamp) || !accept(call, call.query.finish())) {
    return;
  }
  front_.submit(
      core::RemoveOverride{std::move(*key), by->value_or(""), reason->value_or(""), *stamp}, *ack,
      call.caller(), answering_version(*this, std::move(call.exchange)));
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
