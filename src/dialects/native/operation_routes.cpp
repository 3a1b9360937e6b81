#include "dialects/native/export_stream.h"
#include "dialects/native/native_dialect.h"

namespace callbook::native {

void NativeDialect::export_all(Call& call) {
  if (!accept(call, call.query.finish())) return;
  call.exchange.stream("application/x-ndjson", std::make_unique<ExportStream>(front_.catalog()));
}

void NativeDialect::status(Call& call) {
  if (!accept(call, call.query.finish())) return;
  call.answer(200, front_.status_json());
}

void NativeDialect::nodes(Call& call) {
  if (!accept(call, call.query.finish())) return;
  call.answer(200, front_.nodes_json());
}

void NativeDialect::healthz(Call& call) {
  call.answer(200, "{\"healthy\":true}\n");
}

void NativeDialect::readyz(Call& call) {
  call.answer(front_.ready() ? 200 : 503, front_.readiness_json());
}

void NativeDialect::metrics(Call& call) {
  net::HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = front_.metrics_text();
  call.exchange.respond(std::move(response));
}

}  // namespace callbook::native
