// What the checks of a service's instances say.

#include "base/name.h"
#include "dialects/native/check_output.h"
#include "dialects/native/json_output.h"
#include "dialects/native/native_dialect.h"

namespace callbook::native {
namespace {

constexpr uint64_t kDefaultPage = 10'000;
constexpr uint64_t kMaxPage = 100'000;

/// A page on its way: core is asked for it a part at a time, so that a big service holds nobody up.
struct Reading {
  core::Front& front;
  NativeDialect& dialect;
  core::ServiceKey service;
  uint64_t limit;
  net::HttpExchange exchange;
  std::vector<core::CheckReport> checks = {};
};

void answer(Reading& reading, const std::string& next) {
  net::HttpResponse response;
  base::JsonWriter json(response.body);
  json.begin_object();
  append_service_key(json, reading.service);
  json.key("checks").begin_array();
  for (const core::CheckReport& report : reading.checks) append_check(json, report);
  json.end_array();
  if (!next.empty()) json.field("next", next);
  json.end_object();
  response.body += '\n';
  reading.exchange.respond(std::move(response));
}

void read_on(const std::shared_ptr<Reading>& reading, std::string after) {
  core::ReadChecks input{reading->service, std::move(after)};
  reading->front.submit(
      std::move(input), core::Ack::kLocal, [reading](const base::Result<core::Reply>& reply) {
        if (!reply.ok()) {
          return reading->exchange.respond(reading->dialect.failure(reply.error()));
        }
        const auto& part = *std::get<core::ChecksRead>(*reply).part;
        auto& checks = reading->checks;
        checks.insert(checks.end(), part.checks.begin(), part.checks.end());
        const bool whole = part.next.empty() || checks.size() >= reading->limit;
        if (whole) return answer(*reading, part.next);
        read_on(reading, part.next);
      });
}

}  // namespace

void NativeDialect::get_checks(Call& call) {
  auto key = take_service_key(call);
  const auto after = call.query.take("after");
  const auto limit_text = call.query.take("limit");
  if (!accept(call, key) || !accept(call, after) || !accept(call, limit_text) ||
      !accept(call, call.query.finish())) {
    return;
  }
  const auto limit = *limit_text ? parse_count("limit", **limit_text, kMaxPage)
                                 : base::Result<uint64_t>(kDefaultPage);
  if (!accept(call, limit)) return;
  if (*after && !accept(call, base::check_name("after", **after))) return;
  read_on(std::make_shared<Reading>(
              Reading{front_, *this, std::move(*key), *limit, std::move(call.exchange)}),
          after->value_or(""));
}

}  // namespace callbook::native
