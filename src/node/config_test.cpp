#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

#include "node/settings.h"

namespace callbook::node {
namespace {

class File {
 public:
  explicit File(const std::string& text) {
    char name[] = "/tmp/callbook-config-XXXXXX";
    const int fd = mkstemp(name);
    path_ = name;
    std::ofstream(path_) << text;
    close(fd);
  }
  ~File() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Settings, HaveOneNameEach) {
  std::set<std::string> flags;
  std::set<std::string> variables;
  for (const Setting& setting : settings()) {
    EXPECT_TRUE(flags.insert(setting.flag()).second) << setting.flag();
    EXPECT_TRUE(variables.insert(setting.variable()).second);
    Config config;
    EXPECT_TRUE(setting.set(config, setting.get(config)).ok() || setting.get(config).empty())
        << setting.flag();
  }
  EXPECT_TRUE(flags.contains("--max-metadata-entries"));
  EXPECT_TRUE(variables.contains("CALLBOOK_MAX_METADATA_ENTRIES"));
}

TEST(Settings, EachNumberReachesItsPlace) {
  for (const Setting& setting : settings()) {
    if (setting.kind != Setting::Kind::kNumber || setting.section.empty()) continue;
    Config config;
    ASSERT_TRUE(setting.set(config, "4321").ok()) << setting.flag();
    EXPECT_EQ(setting.get(config), "4321") << setting.flag();
    for (const Setting& other : settings()) {
      if (other.key != setting.key) {
        EXPECT_EQ(other.get(config), other.get(Config()))
            << setting.flag() << " changed " << other.flag();
      }
    }
    for (const char* bad : {"", "x", "-1", "1.5", "5k", "99999999999999999999"}) {
      EXPECT_FALSE(setting.set(config, bad).ok()) << setting.flag() << " took " << bad;
    }
  }
}

TEST(Settings, TheEnvironmentWinsOverTheFile) {
  const File file("node = \"from-file\"\ndev = true\n[limits]\nmax_services = 7\nmax_weight = 9\n");
  Config config;
  ASSERT_TRUE(apply_file(config, file.path()).ok());
  const std::map<std::string, const char*> environment = {{"CALLBOOK_NODE", "from-env"},
                                                          {"CALLBOOK_MAX_WEIGHT", "11"}};
  const auto lookup = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second;
  };
  ASSERT_TRUE(apply_environment(config, lookup).ok());
  EXPECT_EQ(config.node, "from-env");
  EXPECT_TRUE(config.dev);
  EXPECT_EQ(config.limits.max_services, 7u);
  EXPECT_EQ(config.limits.max_weight, 11u);
}

TEST(Settings, AServiceMayHaveTimingOfItsOwnOverTheNodes) {
  const File file(
      "[service.orders]\nsilent_removal_ms = 60000\nprotect_failing = false\n"
      "[service.\"billing/orders\"]\nbreaker_percent = 50\n"
      "[timing]\nrefused_removal_ms = 7000\n");
  Config config;
  ASSERT_TRUE(apply_file(config, file.path()).ok());
  const auto made = service_timing(config);
  ASSERT_EQ(made.size(), 2u);
  const core::ServiceTiming& orders = made.at({core::kDefaultNamespace, "orders"});
  EXPECT_EQ(orders.silent_removal_ms, 60'000);
  EXPECT_EQ(orders.refused_removal_ms, 7'000);
  EXPECT_FALSE(orders.protect_failing);
  EXPECT_TRUE(made.at({"billing", "orders"}).protect_failing);
  EXPECT_EQ(orders.breaker.percent, 10u);
  EXPECT_EQ(made.at({"billing", "orders"}).breaker.percent, 50u);
  EXPECT_EQ(config.timing.breaker.percent, 10u);
}

TEST(Config, SharesAreAtMostWhole) {
  Config config;
  config.timing.breaker.percent = 101;
  EXPECT_EQ(check(config).error().field, "breaker_percent");
  config.timing.breaker.percent = 100;
  config.service_settings = {{{"default", "orders"}, "breaker_floor_percent", "101"}};
  EXPECT_EQ(check(config).error().field, "service.orders");
}

TEST(Settings, MistakesInTheFileAreNamed) {
  const std::map<std::string, std::string> mistakes = {
      {"colour = \"red\"\n", "colour"},
      {"[limits]\nmax_servces = 7\n", "limits.max_servces"},
      {"[limts]\nmax_services = 7\n", "limts.max_services"},
      {"[limits]\nmax_services = \"7\"\n", "limits.max_services"},
      {"node = 7\n", "node"},
      {"node = \"\"\n", "node"},
      {"[limits]\nmax_services = 0\n", "max_services"},
      {"[limits]\nmax_services = [1]\n", "limits.max_services"},
      {"dev = 1\n", "dev"},
      {"node = \n", "config"},
      {"[service]\norders = 7\n", "service.orders"},
      {"[service.orders]\ndoubt_percent = 7\n", "service.orders.doubt_percent"},
      {"[service.orders]\nreports = \"7\"\n", "service.orders.reports"},
      {"[service.orders]\nprobe_rounds = 0\n", "service.orders.probe_rounds"},
      {"[service.\"a b\"]\nreports = 7\n", "service"},
  };
  for (const auto& [text, field] : mistakes) {
    const File file(text);
    Config config;
    const auto status = apply_file(config, file.path());
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.error().field, field) << text;
  }
  Config config;
  EXPECT_FALSE(apply_file(config, "/nonexistent/callbook.toml").ok());
}

TEST(Config, ABusIsNamedByItsServersAndNothingElse) {
  const auto refused = [](const std::string& bus, const std::string& peers = "") {
    Config config;
    config.bus = bus;
    config.peers = peers;
    const auto status = check(config);
    return status.ok() ? "" : status.error().field;
  };
  EXPECT_EQ(refused("nats://127.0.0.1:4222,127.0.0.1:4223"), "");
  EXPECT_EQ(refused("nats://127.0.0.1"), "bus");
  EXPECT_EQ(refused("http://127.0.0.1:4222"), "bus");
  EXPECT_EQ(refused("nats://me:secret@127.0.0.1:4222"), "bus");
  EXPECT_EQ(refused("127.0.0.1:4222", "127.0.0.1:7071,[::1]:7072"), "");
  EXPECT_EQ(refused("127.0.0.1:4222", "127.0.0.1"), "peers");
  EXPECT_EQ(refused("", "127.0.0.1:7071"), "peers");
}

TEST(Config, ANodeThatIsReachedAnywhereSaysWhere) {
  Config config;
  config.bus = "nats://127.0.0.1:4222";
  config.http = "0.0.0.0:7070";
  config.insecure_bind = true;
  EXPECT_EQ(check(config).error().field, "advertise");
  config.advertise = "10.0.0.1";
  EXPECT_EQ(check(config).error().field, "advertise");
  config.advertise = "0.0.0.0:7070";
  EXPECT_EQ(check(config).error().field, "advertise");
  config.advertise = "256.0.0.1:7070";
  EXPECT_EQ(check(config).error().field, "advertise");
  config.advertise = "10.0.0.1:7070";
  EXPECT_TRUE(check(config).ok());
}

TEST(Config, NodesWithTheSameSecretTakeEachOthersStamps) {
  const std::string path = testing::TempDir() + "callbook-cluster-key";
  Config config;
  const auto plain = stamp_key(config);
  config.cluster = "other";
  EXPECT_FALSE(*stamp_key(config) == *plain);
  config.cluster_key_file = path;
  std::ofstream(path) << "short\n";
  EXPECT_EQ(stamp_key(config).error().field, "cluster_key_file");
  std::ofstream(path) << "long enough to be a secret\n";
  const auto secret = stamp_key(config);
  ASSERT_TRUE(secret.ok());
  EXPECT_FALSE(*secret == *stamp_key(Config{}));
  EXPECT_TRUE(*secret == *stamp_key(config));
}

TEST(Config, WhatIsForManyNodesIsNotPassedOverOnOne) {
  const auto refused = [](auto set) {
    Config config;
    set(config);
    const auto status = check(config);
    return status.ok() ? "" : status.error().field;
  };
  EXPECT_EQ(refused([](Config& c) { c.cluster = "x"; }), "cluster");
  EXPECT_EQ(refused([](Config& c) { c.nats.security.tls = true; }), "bus_tls");
  EXPECT_EQ(refused([](Config& c) { c.cluster_key_file = "/k"; }), "cluster_key_file");
  EXPECT_EQ(refused([](Config& c) {
              c.bus = "a:1";
              c.cluster_key_file = "/nowhere";
            }),
            "cluster_key_file");
  EXPECT_EQ(refused([](Config& c) {
              c.bus = "a:1";
              c.cluster = "a.b";
            }),
            "cluster");
  EXPECT_EQ(refused([](Config& c) {
              c.bus = "a:1";
              c.timing.lost_after_ms = 10;
            }),
            "lost_after_ms");
  EXPECT_EQ(refused([](Config& c) {
              c.bus = "a:1";
              c.timing.absent_node_ms = c.timing.lost_after_ms - 1;
            }),
            "absent_node_ms");
}

TEST(Config, PlainHttpStaysOnLoopbackUnlessAllowed) {
  Config config;
  EXPECT_TRUE(check(config).ok());
  for (const char* open : {"0.0.0.0:7070", "10.0.0.1:7070", "[::]:7070", "example.org:7070"}) {
    config.http = open;
    config.insecure_bind = false;
    ASSERT_FALSE(check(config).ok()) << open;
    EXPECT_EQ(check(config).error().field, "http");
    config.insecure_bind = true;
    EXPECT_TRUE(check(config).ok()) << open;
  }
  for (const char* bad : {"", "7070", ":7070", "localhost", "localhost:", "localhost:x",
                          "localhost:65536", "::1:7070"}) {
    EXPECT_FALSE(parse_endpoint("http", bad).ok()) << bad;
  }
  EXPECT_EQ(parse_endpoint("http", "[::1]:0")->host, "::1");
  EXPECT_EQ(parse_endpoint("http", "[::ffff:10.0.0.1]:7070")->host, "10.0.0.1");
}

TEST(Config, ReadsWhichDataCentersAreFollowed) {
  const auto followed = parse_followed("dc2=10.0.0.1:7070,10.0.0.2:7070,dc3=[::1]:80");
  ASSERT_TRUE(followed.ok());
  ASSERT_EQ(followed->size(), 2u);
  EXPECT_EQ((*followed)[0].datacenter, "dc2");
  ASSERT_EQ((*followed)[0].nodes.size(), 2u);
  EXPECT_EQ(to_text((*followed)[0].nodes[1]), "10.0.0.2:7070");
  EXPECT_EQ((*followed)[1].datacenter, "dc3");
  EXPECT_TRUE(parse_followed("")->empty());
}

TEST(Config, RefusesToFollowWhatMakesNoSense) {
  for (const char* text : {"10.0.0.1:7070", "dc2=", "dc2=host", "dc1=h:1", "dc2=h:1,dc2=h:2",
                           "d c=h:1", "=h:1", "dc2=h:1,dc3", "dc2=h:0", "dc2==h:1"}) {
    Config config;
    config.follow = text;
    const auto status = check(config);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.error().field, "follow") << text;
  }
}

TEST(Config, FailoverNamesWhatIsFollowed) {
  Config config;
  const File file(R"(
follow = "dc2=h:1,dc3=h:2"
failover = "dc2,dc3"
[service.stock]
failover = "dc3"
)");
  ASSERT_TRUE(apply_file(config, file.path()).ok());
  ASSERT_TRUE(check(config).ok());
  const core::Failover orders = failover(config);
  EXPECT_EQ(orders.order({"default", "orders"}), (std::vector<std::string>{"dc2", "dc3"}));
  EXPECT_EQ(orders.order({"default", "stock"}), (std::vector<std::string>{"dc3"}));
  config.failover = "dc4";
  EXPECT_EQ(check(config).error().field, "failover");
  config.failover = "dc2";
  config.service_failover[{"default", "stock"}] = "dc9";
  EXPECT_EQ(check(config).error().field, "service.stock.failover");
}

}  // namespace
}  // namespace callbook::node
