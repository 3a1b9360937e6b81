#include "core/validate.h"

#include <gtest/gtest.h>

#include "core/check_rule.h"

namespace callbook::core {
namespace {

RegisterInstance good() {
  RegisterInstance input;
  input.key = {{"default", "orders"}, "o-1"};
  input.registration.address = "10.0.0.1";
  input.registration.port = 80;
  return input;
}

Metadata entries(size_t count, size_t value_bytes) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back("k" + std::to_string(i));
  const std::string value(value_bytes, 'v');
  std::vector<Metadata::Pair> pairs;
  for (const std::string& name : names) pairs.emplace_back(name, value);
  return *Metadata::from(pairs);
}

/// Spoils an instance that is checked every 5 s at its own port.
template <typename Spoil>
RegisterInstance checked(Spoil spoil) {
  RegisterInstance input = good();
  input.registration.ports = *NamedPorts::from({{"admin", 8'081}});
  input.registration.holder = {HolderKind::kTtl, {}, kDefaultCheckIntervalMs};
  CheckRule rule{CheckRule::Kind::kHttp, 0, 1'000, 3, 1, 0, "/health"};
  spoil(input.registration, rule);
  input.registration.check = encode(rule);
  return input;
}

struct CheckFault {
  const char* field;
  int64_t limit;  ///< -1: none is named
  void (*spoil)(Registration&, CheckRule&);
};

TEST(Validate, RefusesContradictoryChecks) {
  const CheckFault faults[] = {
      {"check.interval_ms", 1'000, [](Registration& r, CheckRule&) { r.holder.ttl_ms = 999; }},
      {"check.interval_ms", 3'600'000,
       [](Registration& r, CheckRule&) { r.holder.ttl_ms = 3'600'001; }},
      {"check.timeout_ms", 50, [](Registration&, CheckRule& c) { c.timeout_ms = 49; }},
      {"check.timeout_ms", 5'000, [](Registration&, CheckRule& c) { c.timeout_ms = 5'001; }},
      {"check.failures", 1, [](Registration&, CheckRule& c) { c.failures = 0; }},
      {"check.failures", 100, [](Registration&, CheckRule& c) { c.failures = 101; }},
      {"check.successes", 1, [](Registration&, CheckRule& c) { c.successes = 0; }},
      {"check.successes", 100, [](Registration&, CheckRule& c) { c.successes = 101; }},
      {"check.remove_after_ms", 5'000, [](Registration&, CheckRule& c) { c.remove_after_ms = 1; }},
      {"check.remove_after_ms", 604'800'000,
       [](Registration&, CheckRule& c) { c.remove_after_ms = 604'800'001; }},
      {"check.http.path", -1, [](Registration&, CheckRule& c) { c.path = "health"; }},
      {"check.http.path", -1, [](Registration&, CheckRule& c) { c.path = "/a b"; }},
      {"check.http.path", -1, [](Registration&, CheckRule& c) { c.path = "/\r\nHost: x"; }},
      {"check.http.path", 512,
       [](Registration&, CheckRule& c) { c.path = "/" + std::string(512, 'a'); }},
      {"check.http.port", -1, [](Registration&, CheckRule& c) { c.port = 22; }},
      {"check.http.port", -1, [](Registration& r, CheckRule&) { r.port = 0; }},
      {"check.tcp.port", -1,
       [](Registration&, CheckRule& c) { c.kind = CheckRule::Kind::kTcp, c.port = 22; }},
  };
  for (const CheckFault& fault : faults) {
    const auto status = validate(checked(fault.spoil), Limits{});
    ASSERT_FALSE(status.ok()) << fault.field;
    EXPECT_EQ(status.error().field, fault.field);
    EXPECT_EQ(status.error().limit.value_or(-1), fault.limit) << fault.field;
  }
  EXPECT_TRUE(validate(checked([](Registration&, CheckRule&) {}), Limits{}).ok());
  const auto named = [](Registration& r, CheckRule& c) { r.port = 0, c.port = 8'081; };
  EXPECT_TRUE(validate(checked(named), Limits{}).ok());
}

struct Fault {
  const char* field;
  int64_t limit;  ///< -1: none is named
  void (*spoil)(RegisterInstance&);
};

TEST(Validate, NamesTheFieldAndTheLimit) {
  const Fault faults[] = {
      {"service", -1, [](RegisterInstance& r) { r.key.service.name = ""; }},
      {"service", 128, [](RegisterInstance& r) { r.key.service.name = std::string(129, 'a'); }},
      {"namespace", -1, [](RegisterInstance& r) { r.key.service.space = "a b"; }},
      {"id", -1, [](RegisterInstance& r) { r.key.id = "../x"; }},
      {"address", -1, [](RegisterInstance& r) { r.registration.address = ""; }},
      {"address", 253, [](RegisterInstance& r) { r.registration.address = std::string(254, 'a'); }},
      {"address", -1, [](RegisterInstance& r) { r.registration.address = "0.0.0.0"; }},
      {"address", -1, [](RegisterInstance& r) { r.registration.address = "Host.example"; }},
      {"zone", -1, [](RegisterInstance& r) { r.registration.zone = "a zone"; }},
      {"weight", 65'535, [](RegisterInstance& r) { r.registration.weight = 65'536; }},
      {"ttl_ms", 1'000,
       [](RegisterInstance& r) {
         r.registration.holder = {HolderKind::kTtl, {}, 999};
       }},
      {"ttl_ms", 86'400'000,
       [](RegisterInstance& r) {
         r.registration.holder = {HolderKind::kTtl, {}, 86'400'001};
       }},
      {"ports.x", -1,
       [](RegisterInstance& r) {
         r.registration.ports = *NamedPorts::from({{"x", 0}});
       }},
      {"ports", -1,
       [](RegisterInstance& r) {
         r.registration.ports = *NamedPorts::from({{"a b", 1}});
       }},
      {"metadata", 64, [](RegisterInstance& r) { r.registration.metadata = entries(65, 1); }},
      {"metadata", 64, [](RegisterInstance& r) { r.registration.metadata = entries(10'000, 1); }},
      {"metadata.k0", 1'024,
       [](RegisterInstance& r) { r.registration.metadata = entries(1, 1'025); }},
      {"metadata", 8'192, [](RegisterInstance& r) { r.registration.metadata = entries(9, 1'000); }},
      {"metadata.a", -1,
       [](RegisterInstance& r) {
         r.registration.metadata = *Metadata::from({{"a", "x\ny"}});
       }},
      {"metadata", -1,
       [](RegisterInstance& r) {
         r.registration.metadata = *Metadata::from({{"", "x"}});
       }},
  };
  for (const Fault& fault : faults) {
    RegisterInstance input = good();
    fault.spoil(input);
    const auto status = validate(input, Limits{});
    ASSERT_FALSE(status.ok()) << fault.field;
    EXPECT_EQ(status.error().field, fault.field);
    EXPECT_EQ(status.error().limit.value_or(-1), fault.limit) << fault.field;
  }
}

TEST(Validate, AcceptsWhatIsJustAtItsLimit) {
  for (auto spoil : std::initializer_list<void (*)(RegisterInstance&)>{
           [](RegisterInstance&) {},
           [](RegisterInstance& r) { r.registration.metadata = entries(64, 1); },
           [](RegisterInstance& r) { r.registration.metadata = entries(1, 1'024); },
           [](RegisterInstance& r) { r.registration.weight = 65'535; },
           [](RegisterInstance& r) { r.registration.weight = 0; },
           [](RegisterInstance& r) {
             r.registration.holder = {HolderKind::kTtl, {}, 1'000};
           },
           [](RegisterInstance& r) { r.key.service.name = std::string(128, 'a'); }}) {
    RegisterInstance input = good();
    spoil(input);
    const auto status = validate(input, Limits{});
    EXPECT_TRUE(status.ok()) << status.error().to_string();
  }
}

}  // namespace
}  // namespace callbook::core
