#include "dialects/native/batch_call.h"
#include "dialects/native/json_output.h"
#include "dialects/native/native_dialect.h"
#include "dialects/native/registered_json.h"

namespace callbook::native {

using base::Result;
using core::Ack;
using core::Reply;

void NativeDialect::register_instance(Call& call) {
  auto key = take_instance_key(call);
  const auto ack = take_ack(call);
  if (!accept(call, key) || !accept(call, ack) || !accept(call, call.query.finish()) ||
      !accept_body(call)) {
    return;
  }
  auto registration = json_.registration(call.request.body);
  if (!accept(call, registration)) return;
  front_.submit(core::RegisterInstance{std::move(*key), std::move(*registration), {}}, *ack,
                [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  const auto& registered = std::get<core::InstanceRegistered>(*reply);
                  net::HttpResponse response;
                  response.status = status_of(registered.effect);
                  base::JsonWriter json(response.body);
                  json.begin_object();
                  append_registered(json, registered);
                  json.end_object();
                  exchange.respond(std::move(response));
                });
}

void NativeDialect::refresh_instance(Call& call) {
  auto key = take_instance_key(call);
  if (!accept(call, key) || !accept(call, call.query.finish())) return;
  front_.submit(core::RefreshInstance{std::move(*key)}, Ack::kLocal,
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
  const auto key = take_instance_key(call);
  if (!accept(call, key) || !accept(call, call.query.finish())) return;
  const core::ServiceViewPtr& view = front_.catalog().find(key->service);
  const core::ListEntry* entry = view ? view->list.find(key->id) : nullptr;
  if (entry == nullptr) {
    return call.fail({base::ErrorCode::kNotFound, "id", "is not registered", std::nullopt});
  }
  std::string out;
  base::JsonWriter json(out);
  json.begin_object().field("id", entry->id());
  append_instance_members(json, *entry, *view->interner);
  append_override(json, *view, entry->id());
  json.end_object();
  call.answer(200, std::move(out));
}

void NativeDialect::deregister_instance(Call& call) {
  auto key = take_instance_key(call);
  const auto ack = take_ack(call);
  const auto session = take_session(call);
  if (!accept(call, key) || !accept(call, ack) || !accept(call, session)) return;
  if (!accept(call, call.query.finish())) return;
  front_.submit(core::DeregisterInstance{std::move(*key), {}, *session}, *ack,
                [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  net::HttpResponse response;
                  base::JsonWriter(response.body)
                      .begin_object()
                      .field("version", std::get<core::InstanceDeregistered>(*reply).version)
                      .end_object();
                  exchange.respond(std::move(response));
                });
}

void NativeDialect::batch(Call& call) {
  const auto ack = take_ack(call);
  if (!accept(call, ack) || !accept(call, call.query.finish())) return;
  BatchCall::start(front_, json_, call.request.body, limits_.max_batch_lines, *ack,
                   std::move(call.exchange));
}

}  // namespace callbook::native
