#include "core/instance.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace callbook::core {
namespace {

RegistrationView full(const NamedPorts& ports, const Metadata& metadata) {
  return {
      "10.0.0.7", 8080, "zone-a", 7, ports.bytes(), metadata.bytes(), {HolderKind::kTtl, {}, 5000},
      {}};
}

TEST(Instance, KeepsWhatItWasMadeOf) {
  Interner interner;
  const NamedPorts ports = *NamedPorts::from({{"http", 80}, {"grpc", 9090}});
  const std::string long_name(100, 'n');
  const Metadata metadata = *Metadata::from({{"b", "2"}, {"a", "1"}, {long_name, ""}});
  const RegistrationView body = full(ports, metadata);
  std::string packed;
  pack_body(body, interner, packed);
  const Instance::Ptr instance = Instance::make("o-1", body, body.weight, packed);

  EXPECT_EQ(instance->id(), "o-1");
  EXPECT_EQ(instance->address(), "10.0.0.7");
  EXPECT_EQ(instance->port(), 8080);
  EXPECT_EQ(instance->weight(), 7u);
  const PackedBody read(instance->packed(), interner);
  EXPECT_EQ(read.zone(), "zone-a");
  std::string text;
  read.for_each_port([&](std::string_view name, uint16_t port) {
    text += std::string(name) + std::to_string(port) + " ";
  });
  read.for_each_metadata([&](std::string_view name, std::string_view value) {
    text += std::string(name.substr(0, 3)) + "=" + std::string(value) + " ";
  });
  EXPECT_EQ(text, "grpc9090 http80 a=1 b=2 nnn= ");
  EXPECT_TRUE(instance->same_content(body, packed));
  RegistrationView other = body;
  other.weight = 8;
  EXPECT_FALSE(instance->same_content(other, packed));
}

TEST(Instance, ContentHashIsTheDocumentedOne) {
  const Metadata metadata = *Metadata::from({{"version", "1.4"}});
  RegistrationView body;
  body.address = "10.0.0.7";
  body.port = 8080;
  body.metadata = metadata.bytes();
  std::string scratch;
  const uint64_t hash = content_hash_of("o-1", body, body.weight, scratch);
  EXPECT_EQ(hash, base::xxh64("o-1\n10.0.0.7\n8080\n\n100\nm\tversion\t1.4\n"));
  EXPECT_EQ(digest_part(hash, InstanceState::kUp), base::mix64(hash + base::xxh64("up")));
}

TEST(FlatLists, RefuseANameThatComesTwice) {
  EXPECT_EQ(Metadata::from({{"a", "1"}, {"b", "2"}, {"a", "3"}}).error().field, "metadata.a");
  EXPECT_EQ(NamedPorts::from({{"x", 1}, {"x", 1}}).error().field, "ports.x");
}

TEST(Interner, KeepsOneCopyAndStopsAtItsLimits) {
  Interner interner;
  EXPECT_EQ(interner.intern("zone"), interner.intern(std::string("zone")));
  EXPECT_EQ(interner.at(*interner.intern("")), "");
  EXPECT_FALSE(interner.intern(std::string(Interner::kMaxEntryBytes + 1, 'x')).has_value());
  for (size_t i = interner.size(); i < Interner::kMaxEntries; ++i) {
    ASSERT_TRUE(interner.intern("entry-" + std::to_string(i)).has_value());
  }
  EXPECT_FALSE(interner.intern("one more").has_value());
  EXPECT_EQ(interner.at(*interner.intern("entry-60000")), "entry-60000");
}

}  // namespace
}  // namespace callbook::core
