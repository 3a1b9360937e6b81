#include "dialects/native/problem.h"

namespace callbook::native {

using base::ErrorCode;

int status_of(const base::Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return 400;
    case ErrorCode::kLimit:
      return 422;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kSuperseded:
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kNotReady:
    case ErrorCode::kOverloaded:
    case ErrorCode::kAppliedNotLogged:
      return 503;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
      return 500;
  }
  return 500;
}

void append_problem(base::JsonWriter& json, int status, const base::Error& error) {
  const std::string_view title = status == 405 ? "method_not_allowed" : base::name_of(error.code);
  json.field("title", title).field("status", status);
  if (!error.field.empty()) json.field("field", error.field);
  if (error.limit) json.field("limit", *error.limit);
  json.field("detail", error.field.empty() ? error.detail : error.field + ' ' + error.detail);
}

net::HttpResponse problem_with_status(int status, const base::Error& error,
                                      int64_t retry_after_ms) {
  net::HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  base::JsonWriter json(response.body);
  json.begin_object().field("type", "about:blank");
  append_problem(json, status, error);
  if (retry_after_ms > 0) {
    json.field("retry_after_ms", retry_after_ms);
    response.headers.emplace_back("Retry-After", std::to_string((retry_after_ms + 999) / 1000));
  }
  json.end_object();
  response.body += '\n';
  return response;
}

net::HttpResponse problem(const base::Error& error, int64_t retry_after_ms) {
  return problem_with_status(status_of(error), error, retry_after_ms);
}

}  // namespace callbook::native
