#include "dialects/native/check_output.h"

#include "base/address.h"

namespace callbook::native {
namespace {

using core::CheckReport;
using Kind = core::CheckRule::Kind;

std::string_view name_of(CheckReport::Status status) {
  switch (status) {
    case CheckReport::Status::kUnknown:
      return "unknown";
    case CheckReport::Status::kPassing:
      return "passing";
    case CheckReport::Status::kFailing:
      return "failing";
  }
  return "unknown";
}

/// Who is asked, and for what: "10.0.0.7:8081/health".
std::string target_of(const CheckReport& report) {
  std::string target = base::host_port(report.address, report.port);
  const core::CheckRule& rule = *report.rule;
  if (core::is_http(rule.kind)) target += rule.path;
  if (rule.kind == Kind::kGrpc && !rule.grpc_service.empty()) target += "/" + rule.grpc_service;
  return target;
}

}  // namespace

void append_check(base::JsonWriter& json, const CheckReport& report) {
  json.begin_object()
      .field("id", report.id)
      .field("name", report.name)
      .field("kind", core::name_of(report.rule->kind))
      .field("target", target_of(report))
      .field("status", name_of(report.status));
  if (report.checked_ms_ago >= 0) {
    json.field("output", report.output)
        .field("checked_ms_ago", report.checked_ms_ago)
        .field("elapsed_ms", report.elapsed_ms)
        .field("failures", report.failures);
  }
  json.field("home", report.home).end_object();
}

}  // namespace callbook::native
