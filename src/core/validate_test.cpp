#include "core/validate.h"

#include <gtest/gtest.h>

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
