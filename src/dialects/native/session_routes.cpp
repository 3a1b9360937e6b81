#include <fmt/format.h>

#include "base/address.h"
#include "base/hash.h"
#include "dialects/native/attach_stream.h"
#include "dialects/native/native_dialect.h"
#include "dialects/native/session_field.h"

namespace callbook::native {
namespace {

using base::Result;
using core::Ack;
using core::Reply;

base::Result<core::SessionId> session_named(const NativeDialect::Call& call) {
  return read_session_id("session", call.names[0]);
}

std::string opened_json(const core::SessionOpened& opened, const core::Front& front) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_object()
      .field("session", core::to_text(opened.id))
      .field("ttl_ms", opened.ttl_ms)
      .field("heartbeat_ms", opened.heartbeat_ms)
      .field("epoch", opened.epoch)
      .field("speaks", opened.speaks);
  json.key("nodes").begin_array().value(front.facts().http);
  for (const std::string& other : *front.other_nodes()) json.value(other);
  json.end_array().end_object();
  return out;
}

}  // namespace

/// Stands for the host at the other end of a connection. Clients on loopback are on this node's.
uint64_t NativeDialect::host_of(std::string_view peer) const {
  const std::string address = base::host_of(peer);
  const uint64_t host = base::xxh64(base::is_loopback(address) ? front_.facts().name : address);
  return std::max<uint64_t>(host, 1);
}

void NativeDialect::open_session(Call& call) {
  const auto ack = take_ack(call);
  if (!accept(call, ack) || !accept(call, call.query.finish()) || !accept_body(call)) return;
  SessionBody body;
  if (!call.request.body.empty()) {
    auto read = json_.session(call.request.body);
    if (!accept(call, read)) return;
    body = std::move(*read);
  }
  if (body.resume && (body.ttl_ms != 0 || !body.client.empty() || !body.process.empty())) {
    return call.fail(
        base::invalid("resume", "takes a session as it is; it goes with epoch and speaks alone"));
  }
  if (body.epoch != 0 && !body.resume) {
    return call.fail(base::invalid("epoch", "is of a session that is resumed"));
  }
  const auto stamp = take_stamp(call);
  if (!accept(call, stamp)) return;
  const bool resumes = body.resume.has_value();
  core::ProcessFacts facts{body.speaks, std::move(body.process), host_of(*call.request.peer)};
  core::Input input = resumes
                          ? core::Input(core::ResumeSession{*body.resume, body.epoch, body.speaks})
                          : core::Input(core::OpenSession{front_.new_session_id(), body.ttl_ms,
                                                          body.client, *stamp, std::move(facts)});
  front_.submit(
      std::move(input), *ack, call.caller(),
      [this, resumes, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
        if (!reply.ok()) return exchange.respond(failure(reply.error()));
        net::HttpResponse response;
        response.status = resumes ? 200 : 201;
        const auto& opened = std::get<core::SessionOpened>(*reply);
        response.body = opened_json(opened, front_);
        show_stamp(response, opened.opened);
        exchange.respond(std::move(response));
      });
}

void NativeDialect::refresh_session(Call& call) {
  const auto id = session_named(call);
  const auto epoch = take_epoch(call);
  if (!accept(call, id) || !accept(call, epoch) || !accept(call, call.query.finish())) return;
  front_.submit(core::RefreshSession{*id, *epoch}, Ack::kLocal, call.caller(),
                [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  const auto& refreshed = std::get<core::SessionRefreshed>(*reply);
                  net::HttpResponse response;
                  base::JsonWriter(response.body)
                      .begin_object()
                      .field("ttl_ms", refreshed.ttl_ms)
                      .field("heartbeat_ms", refreshed.heartbeat_ms)
                      .end_object();
                  exchange.respond(std::move(response));
                });
}

void NativeDialect::attach_session(Call& call) {
  const auto id = session_named(call);
  const auto epoch = take_epoch(call);
  const auto speaks = take_flag(call, "speaks");
  if (!accept(call, id) || !accept(call, epoch) || !accept(call, speaks) ||
      !accept(call, call.query.finish())) {
    return;
  }
  front_.submit(core::AttachSession{*id, *epoch, *speaks}, Ack::kLocal, call.caller(),
                [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  const auto& opened = std::get<core::SessionOpened>(*reply);
                  auto stream = std::make_unique<AttachStream>(
                      front_, attachments_, mute_streams_, opened,
                      fmt::format("event:attached\ndata:{}\n\n", opened_json(opened, front_)));
                  exchange.stream("text/event-stream", std::move(stream));
                });
}

void NativeDialect::close_session(Call& call) {
  const auto id = session_named(call);
  const auto ack = take_ack(call);
  if (!accept(call, id) || !accept(call, ack) || !accept(call, call.query.finish())) return;
  front_.submit(core::CloseSession{*id}, *ack, call.caller(),
                [this, exchange = std::move(call.exchange)](const Result<Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(failure(reply.error()));
                  net::HttpResponse response;
                  base::JsonWriter(response.body)
                      .begin_object()
                      .field("instances", std::get<core::SessionEnded>(*reply).instances)
                      .end_object();
                  exchange.respond(std::move(response));
                });
}

}  // namespace callbook::native
