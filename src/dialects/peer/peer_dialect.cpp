#include "dialects/peer/peer_dialect.h"

#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "core/hybrid_clock.h"
#include "core/node_beat.h"
#include "dialects/peer/bearer_codec.h"
#include "dialects/peer/node_card.h"
#include "dialects/peer/probe_codec.h"
#include "dialects/peer/report_codec.h"
#include "dialects/peer/seen_codec.h"
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
  using Serve = void (PeerDialect::*)(const net::HttpRequest&, net::HttpExchange);
  struct Route {
    std::string_view path;
    net::Method method;
    Serve serve;
    bool of_cluster;  ///< not on a node that stands alone
  };
  static constexpr Route kRoutes[] = {
      {kBeatPath, net::Method::kPost, &PeerDialect::beat, true},
      {kBearerPath, net::Method::kPost, &PeerDialect::bearer, true},
      {kRecordsPath, net::Method::kPost, &PeerDialect::records, true},
      {kSnapshotPath, net::Method::kGet, &PeerDialect::snapshot, false},
      {kSeenPath, net::Method::kPost, &PeerDialect::seen, true},
      {kProbePath, net::Method::kPost, &PeerDialect::probe, true},
      {kReportPath, net::Method::kPost, &PeerDialect::report, true}};
  for (const Route& route : kRoutes) {
    if (request.path != route.path) continue;
    if (route.of_cluster && door_ == nullptr) {
      return exchange.respond(problem(404, "this node belongs to no cluster"));
    }
    if (request.method == route.method) return (this->*route.serve)(request, std::move(exchange));
    return exchange.respond(problem(405, fmt::format("is for {}", net::name_of(route.method))));
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

/// Changes nothing here: the node that asks may have to give way to another of its name.
void PeerDialect::bearer(const net::HttpRequest& request, net::HttpExchange exchange) {
  const auto question = decode_bearer_question(request.body);
  if (!question.ok()) return exchange.respond(problem(400, question.error().to_string()));
  BearerAnswer answer;
  if (const auto own = door_->own_card()) answer.own = *own;
  answer.bearers = door_->cards_of(core::node_id_of(question->name), question->boot);
  net::HttpResponse response;
  response.content_type = kBytes;
  response.body = encode_bearer_answer(answer);
  exchange.respond(std::move(response));
}

/// Answered as things stand: who asks asks again.
void PeerDialect::seen(const net::HttpRequest& request, net::HttpExchange exchange) {
  const auto items = decode_seen_items(request.body);
  if (!items.ok()) return exchange.respond(problem(400, items.error().to_string()));
  struct Round {
    net::HttpExchange exchange;
    std::vector<SeenAnswer> answers;
    size_t left;
    void one_done() {
      if (--left > 0) return;
      net::HttpResponse response;
      response.content_type = kBytes;
      response.body = encode_seen_answers(answers);
      exchange.respond(std::move(response));
    }
  };
  const auto round = std::make_shared<Round>(
      Round{std::move(exchange), std::vector<SeenAnswer>(items->size()), items->size() + 1});
  for (size_t i = 0; i < items->size(); ++i) {
    const SeenItem& item = (*items)[i];
    front_.submit(core::ReadStamp{item.instance, item.of_override}, core::Ack::kLocal,
                  [this, round, i, item](const base::Result<core::Reply>& reply) {
                    if (!reply.ok()) return round->one_done();
                    const auto& read = std::get<core::StampRead>(*reply);
                    if (read.stamp < item.stamp) return round->one_done();
                    front_.when_seen(item.instance.service, read.version, 0,
                                     [round, i](size_t unseen) {
                                       round->answers[i] = unseen;
                                       round->one_done();
                                     });
                  });
  }
  round->one_done();
}

void PeerDialect::probe(const net::HttpRequest& request, net::HttpExchange exchange) {
  auto probes = decode_probes(request.body);
  if (!probes.ok()) return exchange.respond(problem(400, probes.error().to_string()));
  front_.probe(std::move(*probes),
               [exchange = std::move(exchange)](
                   const std::vector<core::ProbeResult::Outcome>& outcomes) mutable {
                 net::HttpResponse response;
                 response.content_type = kBytes;
                 response.body = encode_outcomes(outcomes);
                 exchange.respond(std::move(response));
               });
}

void PeerDialect::report(const net::HttpRequest& request, net::HttpExchange exchange) {
  auto reports = decode_reports(request.body);
  if (!reports.ok()) return exchange.respond(problem(400, reports.error().to_string()));
  for (ReportItem& one : *reports) {
    front_.submit(core::ReportInstance{std::move(one.instance), std::move(one.by), true},
                  core::Ack::kLocal, [](const base::Result<core::Reply>&) {});
  }
  net::HttpResponse response;
  response.content_type = kBytes;
  exchange.respond(std::move(response));
}

void PeerDialect::records(const net::HttpRequest& request, net::HttpExchange exchange) {
  auto records = decode_direct(request.body);
  if (!records.ok()) return exchange.respond(problem(400, records.error().to_string()));
  if ((*records)->cluster != door_->cluster()) {
    return exchange.respond(problem(409, fmt::format("this is a node of {}", door_->cluster())));
  }
  if (!front_.ready()) return exchange.respond(problem(503, "this node is only just starting"));
  door_->take(std::move(*records));
  net::HttpResponse response;
  response.content_type = kBytes;
  exchange.respond(std::move(response));
}

void PeerDialect::snapshot(const net::HttpRequest& request, net::HttpExchange exchange) {
  const bool follows = request.query == "follow=true";
  if (!follows && !request.query.empty()) {
    return exchange.respond(problem(400, "the query may be follow=true"));
  }
  if (*snapshots_ >= kMaxSnapshots) {
    return exchange.respond(problem(503, "as many nodes as are served at once join from here"));
  }
  if (follows && followers_.use_count() > kMaxFollowers) {
    return exchange.respond(problem(503, "as many nodes as are served at once follow from here"));
  }
  ++*snapshots_;
  auto stream = std::make_unique<SnapshotStream>(
      front_, follows, [snapshots = snapshots_] { --*snapshots; }, follows ? followers_ : nullptr);
  front_.submit(core::ReadRecords{{}, SnapshotStream::kPartRecords}, core::Ack::kLocal,
                [stream = std::move(stream),
                 exchange = std::move(exchange)](const base::Result<core::Reply>& reply) mutable {
                  if (!reply.ok()) return exchange.respond(problem(503, reply.error().detail));
                  stream->begin(*std::get<core::RecordsRead>(*reply).part);
                  exchange.stream(kBytes, std::move(stream));
                });
}

}  // namespace callbook::peer
