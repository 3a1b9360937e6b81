#include "core/validate_checks.h"

#include <gtest/gtest.h>

#include "core/check_set.h"
#include "core/registration_extras.h"

namespace callbook::core {
namespace {

using Kind = CheckRule::Kind;

/// An instance at port 80, its port 8081 named, checked by `web` (HTTP) and `port` (TCP).
struct Draft {
  Registration registration;
  CheckRule web{Kind::kHttp, 0, 1'000, 3, 1, 0, "/health"};
  CheckRule port;
};

template <typename Spoil>
Registration checked(Spoil spoil) {
  Draft draft;
  draft.registration.address = "10.0.0.1";
  draft.registration.port = 80;
  draft.registration.ports = *NamedPorts::from({{"admin", 8'081}});
  spoil(draft);
  const CheckSet set = {{"port", 5'000, draft.port}, {"web", 5'000, draft.web}};
  StoredChecks stored = stored_form(set);
  draft.registration.holder = {HolderKind::kTtl, {}, stored.interval_ms};
  draft.registration.check = std::move(stored.rule);
  RegistrationExtras extras;
  extras.checks = std::move(stored.set);
  draft.registration.extras = encode(extras);
  return draft.registration;
}

struct Fault {
  const char* field;
  int64_t limit;  ///< -1: none is named
  void (*spoil)(Draft&);
};

std::vector<std::pair<std::string, std::string>> headers(size_t count, size_t value_bytes) {
  std::vector<std::pair<std::string, std::string>> made;
  for (size_t i = 0; i < count; ++i) {
    made.emplace_back("X-" + std::to_string(i), std::string(value_bytes, 'v'));
  }
  return made;
}

const Fault kFaults[] = {
    {"checks.web.timeout_ms", 5'000, [](Draft& d) { d.web.timeout_ms = 5'001; }},
    {"checks.web.failures", 100, [](Draft& d) { d.web.failures = 101; }},
    {"checks.port.successes", 1, [](Draft& d) { d.port.successes = 0; }},
    {"checks.web.remove_after_ms", 5'000, [](Draft& d) { d.web.remove_after_ms = 1; }},
    {"checks.web.http.path", -1, [](Draft& d) { d.web.path = "/\r\nHost: x"; }},
    {"checks.web.http.path", 512, [](Draft& d) { d.web.path = "/" + std::string(512, 'a'); }},
    {"checks.web.http.port", -1, [](Draft& d) { d.web.port = 22; }},
    {"checks.port.tcp.port", -1, [](Draft& d) { d.port.port = 22; }},
    {"checks.port.udp.port", -1, [](Draft& d) { d.port.kind = Kind::kUdp, d.port.port = 22; }},
    {"checks.port.grpc.port", -1, [](Draft& d) { d.port.kind = Kind::kGrpc, d.port.port = 22; }},
    {"checks.port.tcp.port", -1, [](Draft& d) { d.registration.port = 0, d.web.port = 8'081; }},
    {"checks.web.http.method", -1, [](Draft& d) { d.web.method = "DELETE"; }},
    {"checks.web.http.method", -1, [](Draft& d) { d.web.method = "GET / HTTP/1.1\r\n"; }},
    {"checks.web.http.headers", 16, [](Draft& d) { d.web.headers = headers(17, 1); }},
    {"checks.web.http.headers.X-0", 512, [](Draft& d) { d.web.headers = headers(1, 513); }},
    {"checks.web.http.headers.X", -1,
     [](Draft& d) {
       d.web.headers = {{"X", "a\r\nHost: b"}};
     }},
    {"checks.web.http.headers.X", -1,
     [](Draft& d) {
       d.web.headers = {{"X", "\x01"}};
     }},
    {"checks.web.http.headers.X", -1,
     [](Draft& d) {
       d.web.headers = {{"X", "\xc3\xa9"}};
     }},
    {"checks.web.http.headers", -1,
     [](Draft& d) {
       d.web.headers = {{"", "a"}};
     }},
    {"checks.web.http.headers", -1,
     [](Draft& d) {
       d.web.headers = {{"a b", "a"}};
     }},
    {"checks.web.http.headers.a:b", -1,
     [](Draft& d) {
       d.web.headers = {{"a:b", "a"}};
     }},
    {"checks.web.http.headers.hOST", -1,
     [](Draft& d) {
       d.web.headers = {{"hOST", "a"}};
     }},
    {"checks.web.http.headers.Content-Length", -1,
     [](Draft& d) {
       d.web.headers = {{"Content-Length", "7"}};
     }},
    {"checks.web.http.headers.transfer-encoding", -1,
     [](Draft& d) {
       d.web.headers = {{"transfer-encoding", "chunked"}};
     }},
    {"checks.web.http.headers.Connection", -1,
     [](Draft& d) {
       d.web.headers = {{"Connection", "close"}};
     }},
    {"checks.web.http.host", -1, [](Draft& d) { d.web.host = "a\r\nX: b"; }},
    {"checks.web.http.host", 253, [](Draft& d) { d.web.host = std::string(254, 'a'); }},
    {"checks.web.http.expect", -1, [](Draft& d) { d.web.expected.clear(); }},
    {"checks.web.http.expect", -1,
     [](Draft& d) {
       d.web.expected = {{99, 200}};
     }},
    {"checks.web.http.expect", -1,
     [](Draft& d) {
       d.web.expected = {{200, 600}};
     }},
    {"checks.web.http.expect", -1,
     [](Draft& d) {
       d.web.expected = {{204, 200}};
     }},
    {"checks.web.http.expect", 16,
     [](Draft& d) { d.web.expected.assign(17, CheckRule::StatusRange()); }},
    {"checks.web.https.server_name", -1,
     [](Draft& d) { d.web.kind = Kind::kHttps, d.web.server_name = "a b"; }},
    {"checks.port.grpc.service", 128,
     [](Draft& d) { d.port.kind = Kind::kGrpc, d.port.grpc_service = std::string(129, 's'); }},
    {"checks.port.grpc.service", -1,
     [](Draft& d) { d.port.kind = Kind::kGrpc, d.port.grpc_service = "a\nb"; }},
    {"checks.port.udp.payload", 512,
     [](Draft& d) { d.port.kind = Kind::kUdp, d.port.payload = std::string(513, 'p'); }},
    {"checks", 8'192, [](Draft& d) { d.web.headers = headers(16, 511); }},
};

TEST(ValidateChecks, NamesTheFieldAndTheLimit) {
  for (const Fault& fault : kFaults) {
    const auto status = validate_checks(checked(fault.spoil), Limits{});
    ASSERT_FALSE(status.ok()) << fault.field;
    EXPECT_EQ(status.error().field, fault.field);
    EXPECT_EQ(status.error().limit.value_or(-1), fault.limit) << fault.field;
  }
}

TEST(ValidateChecks, AcceptsWhatIsJustAtItsLimit) {
  for (auto spoil : std::initializer_list<void (*)(Draft&)>{
           [](Draft&) {}, [](Draft& d) { d.web.headers = headers(16, 256); },
           [](Draft& d) {
             d.web.headers = {{"X-Host", "a b"}, {"Authorization", "Bearer x=="}};
           },
           [](Draft& d) { d.web.host = "[::1]:8080"; },
           [](Draft& d) {
             d.web.expected = {{100, 599}};
           },
           [](Draft& d) { d.port.kind = Kind::kUdp, d.port.payload = std::string(512, '\0'); },
           [](Draft& d) { d.port.kind = Kind::kGrpc, d.port.grpc_service = "a.b.C/d"; },
           [](Draft& d) { d.registration.port = 0, d.web.port = d.port.port = 8'081; }}) {
    const auto status = validate_checks(checked(spoil), Limits{});
    EXPECT_TRUE(status.ok()) << status.error().to_string();
  }
}

TEST(ValidateChecks, WhatCantBeReadBackIsRefused) {
  Registration registration = checked([](Draft&) {});
  RegistrationExtras extras;
  extras.checks = "nonsense";
  registration.extras = encode(extras);
  EXPECT_EQ(validate_checks(registration, Limits{}).error().field, "checks");
  registration = checked([](Draft&) {});
  registration.check.clear();
  EXPECT_EQ(validate_checks(registration, Limits{}).error().field, "checks");
  // More in a row than is stored, which release 0.1 aborted at.
  registration.extras.clear();
  CheckRule rule;
  rule.failures = 70'000;
  registration.check = encode(rule);
  EXPECT_EQ(validate_checks(registration, Limits{}).error().field, "checks");
}

}  // namespace
}  // namespace callbook::core
