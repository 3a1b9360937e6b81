#include "dialects/peer/peer_dialect.h"

#include <utility>

#include "base/json_writer.h"
#include "core/node_beat.h"
#include "dialects/peer/node_card.h"
#include "dialects/peer/snapshot_stream.h"

namespace callbook::peer {
namespace {

constexpr std::string_view kBytes = "application/octet-stream";

/// Nodes read the status; the text is for the person who looks.
net::HttpResponse problem(int status, std::string_view detail) {
  net::HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  base::JsonWriter(response.body)
      .begin_object()
      .field("status", status)
      .field("detail", detail)
      .end_object();
  return response;
}

}  // namespace

void PeerDialect::handle(const net::HttpRequest& request, net::HttpExchange exchange) {
  if (door_ == nullptr) return exchange.respond(problem(404, "this node belongs to no cluster"));
  if (request.path == kBeatPath) {
    if (request.method == net::Method::kPost) return beat(request, std::move(exchange));
    return exchange.respond(problem(405, "beats are posted"));
  }
  if (request.path == kSnapshotPath) {
    if (request.method == net::Method::kGet) return snapshot(std::move(exchange));
    return exchange.respond(problem(405, "snapshots are got"));
  }
  exchange.respond(problem(404, "is not known here; see docs/formats/bus.md"));
}

net::HttpResponse PeerDialect::refuse(int status, const base::Error& error) {
  return problem(status, error.detail);
}

/// Answered with this node's own, so that one request makes two nodes hear each other.
void PeerDialect::beat(const net::HttpRequest& request, net::HttpExchange exchange) {
  const auto card = decode_card(request.body);
  if (!card.ok()) return exchange.respond(problem(400, card.error().to_string()));
  if (const auto beat = core::decode_beat(card->beat); !beat.ok()) {
    return exchange.respond(problem(400, beat.error().to_string()));
  }
  door_->hear(std::string(request.body));
  const auto own = door_->own_card();
  if (!own) return exchange.respond(problem(503, "this node is only just starting"));
  net::HttpResponse response;
  response.content_type = kBytes;
  response.shared_body = own;
  exchange.respond(std::move(response));
}

void PeerDialect::snapshot(net::HttpExchange exchange) {
  if (*snapshots_ >= kMaxSnapshots) {
    return exchange.respond(problem(503, "as many nodes as are served at once join from here"));
  }
  ++*snapshots_;
  auto stream =
      std::make_unique<SnapshotStream>(front_, [snapshots = snapshots_] { --*snapshots; });
  front_.submit(core::ReadRecords{{}, SnapshotStream::kPartRecords}, core::Ack::kLocal,
                [stream = std::move(stream),
                 exchange = std::move(exchange)](const base::Result<core::Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(problem(503, reply.error().detail));
                  stream->begin(*std::get<core::RecordsRead>(*reply).part);
                  exchange.stream(kBytes, std::move(stream));
                });
}

}  // namespace callbook::peer
