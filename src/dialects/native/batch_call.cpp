#include "dialects/native/batch_call.h"

#include <fmt/format.h>

#include "dialects/native/problem.h"
#include "dialects/native/registered_json.h"

namespace callbook::native {
namespace {

/// The lines of `body` that are not blank.
std::vector<std::string_view> split_lines(std::string_view body) {
  std::vector<std::string_view> lines;
  while (!body.empty()) {
    const size_t end = std::min(body.find('\n'), body.size());
    std::string_view line = body.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") != std::string_view::npos) lines.push_back(line);
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return lines;
}

void append_result(std::string& out, const base::Result<core::Reply>& reply) {
  base::JsonWriter json(out);
  json.begin_object();
  if (!reply.ok()) {
    append_problem(json, status_of(reply.error()), reply.error());
  } else if (const auto* registered = std::get_if<core::InstanceRegistered>(&*reply)) {
    json.field("status", status_of(registered->effect));
    append_registered(json, *registered);
  } else if (const auto* removed = std::get_if<core::InstanceDeregistered>(&*reply)) {
    json.field("status", 200).field("version", removed->version);
  } else if (const auto* session = std::get_if<core::SessionRefreshed>(&*reply)) {
    json.field("status", 200)
        .field("ttl_ms", session->ttl_ms)
        .field("heartbeat_ms", session->heartbeat_ms);
  } else {
    json.field("status", 200).field("ttl_ms", std::get<core::InstanceRefreshed>(*reply).ttl_ms);
  }
  json.end_object();
  out += '\n';
}

}  // namespace

void BatchCall::start(core::Front& front, JsonInput& json, std::string_view body,
                      uint32_t max_lines, core::Ack ack, const core::Caller& caller,
                      net::HttpExchange exchange) {
  const std::vector<std::string_view> lines = split_lines(body);
  if (lines.empty()) return exchange.respond(problem(base::invalid("body", "holds no operation")));
  if (lines.size() > max_lines) {
    const auto detail =
        fmt::format("holds {} operations; the limit is {}", lines.size(), max_lines);
    return exchange.respond(problem(base::over_limit("body", detail, max_lines)));
  }
  const std::shared_ptr<BatchCall> call(new BatchCall(std::move(exchange), lines.size()));
  for (size_t i = 0; i < lines.size(); ++i) {
    auto input = json.operation(lines[i]);
    if (!input.ok()) {
      call->finish_line(i, input.error());
      continue;
    }
    front.submit(std::move(*input), ack, caller, [call, i](const base::Result<core::Reply>& reply) {
      call->finish_line(i, reply);
    });
  }
}

void BatchCall::finish_line(size_t line, const base::Result<core::Reply>& reply) {
  results_[line] = reply;
  if (++finished_ < results_.size()) return;
  net::HttpResponse response;
  response.content_type = "application/x-ndjson";
  response.body.reserve(results_.size() * 64);
  for (const auto& result : results_) append_result(response.body, result);
  exchange_.respond(std::move(response));
}

}  // namespace callbook::native
