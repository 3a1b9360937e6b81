#include "core/check_set.h"

#include <random>

#include <gtest/gtest.h>

#include "base/hash.h"

namespace callbook::core {
namespace {

using Kind = CheckRule::Kind;

CheckRule tcp(uint16_t port = 0) {
  CheckRule rule;
  rule.port = port;
  return rule;
}

CheckRule http(std::string path) {
  CheckRule rule;
  rule.kind = Kind::kHttp;
  rule.path = std::move(path);
  return rule;
}

CheckRule of_kind(Kind kind) {
  CheckRule rule;
  rule.kind = kind;
  if (kind == Kind::kHttps) rule.path = "/";
  return rule;
}

/// A set that uses every field.
CheckSet everything() {
  CheckRule web = http("/health");
  web.method = "HEAD";
  web.headers = {{"Accept", "*/*"}, {"X-Probe", ""}};
  web.host = "shop.example";
  web.expected = {{200, 204}, {401, 401}};
  CheckRule secure = of_kind(Kind::kHttps);
  secure.port = 8443;
  secure.timeout_ms = 400;
  secure.failures = 7;
  secure.successes = 2;
  secure.remove_after_ms = 60'000;
  secure.skip_verify = true;
  secure.server_name = "shop.example";
  CheckRule grpc = of_kind(Kind::kGrpc);
  grpc.grpc_service = "orders.v1";
  grpc.tls = true;
  grpc.server_name = "grpc.example";
  CheckRule udp = of_kind(Kind::kUdp);
  udp.payload = std::string("ping\n\0", 6);
  udp.silence_passes = true;
  return {{"grpc", 2'000, grpc},
          {"port", 1'000, tcp(81)},
          {"secure", 10'000, secure},
          {"udp", 5'000, udp},
          {"web", 3'600'000, web}};
}

TEST(CheckSet, ReadsBackWhatItWrote) {
  const CheckSet checks = everything();
  const std::string bytes = encode(checks);
  EXPECT_EQ(decode_check_set(bytes), checks);
  EXPECT_EQ(encode(*decode_check_set(bytes)), bytes);
}

TEST(CheckSet, ItsBytesAreWhatTheyWere) {
  // What a release has written every later one must read: a change of this number is a new format.
  EXPECT_EQ(base::xxh64(encode(everything())), 14346605922839528873u);
}

TEST(CheckSet, BytesThatNoSetGivesAreRefused) {
  const std::string bytes = encode(everything());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_check_set(bytes.substr(0, length))) << length;
  }
  EXPECT_FALSE(decode_check_set(bytes + "x"));
  std::string other = bytes;
  other[0] = 2;  // of a later release
  EXPECT_FALSE(decode_check_set(other));
  const CheckSet unordered = {{"b", 1'000, tcp()}, {"a", 1'000, tcp()}};
  EXPECT_FALSE(decode_check_set(encode(unordered)));
  const CheckSet twice = {{"a", 1'000, tcp()}, {"a", 1'000, tcp()}};
  EXPECT_FALSE(decode_check_set(encode(twice)));
  EXPECT_FALSE(decode_check_set(encode({{"", 1'000, tcp()}})));
}

TEST(CheckSet, WhateverIsReadIsWrittenAgainTheSame) {
  const std::string bytes = encode(everything());
  const uint32_t seed = 20261201;
  std::mt19937 random(seed);
  size_t read = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string spoilt = bytes;
    for (uint32_t left = 1 + random() % 3; left > 0; --left) {
      spoilt[random() % spoilt.size()] = static_cast<char>(random());
    }
    const auto checks = decode_check_set(spoilt);
    if (!checks) continue;
    ++read;
    EXPECT_EQ(decode_check_set(encode(*checks)), checks) << "seed " << seed;
  }
  EXPECT_GT(read, 100u);
}

TEST(CheckSet, IsMadeOfOneToSixteenChecksOfDifferentNames) {
  std::vector<NamedCheck> checks = {{"b", 1'000, tcp()}, {"a", 2'000, tcp()}};
  EXPECT_EQ(*check_set(checks), (CheckSet{{"a", 2'000, tcp()}, {"b", 1'000, tcp()}}));
  const auto refused = [](std::vector<NamedCheck> wanted) {
    return check_set(std::move(wanted)).error();
  };
  EXPECT_EQ(refused({}).field, "checks");
  EXPECT_EQ(refused({{"", 1'000, tcp()}}).field, "checks");
  EXPECT_EQ(refused({{"a b", 1'000, tcp()}}).field, "checks");
  EXPECT_EQ(refused({{"a", 1'000, tcp()}, {"a", 2'000, tcp()}}).field, "checks.a");
  while (checks.size() < kMaxChecks) checks.push_back({std::string(checks.size(), 'c'), 1, tcp()});
  EXPECT_TRUE(check_set(checks).ok());
  checks.push_back({"z", 1'000, tcp()});
  EXPECT_EQ(refused(checks).limit, 16);
}

TEST(CheckSet, OneThatRelease01KnowsIsStoredAsThatDid) {
  const StoredChecks stored = stored_form({{"check", 3'000, http("/health")}});
  EXPECT_EQ(stored.interval_ms, 3'000);
  EXPECT_EQ(stored.rule, encode(http("/health")));
  EXPECT_EQ(stored.set, "");
  EXPECT_EQ(checks_from(stored.interval_ms, stored.rule, stored.set),
            (CheckSet{{"check", 3'000, http("/health")}}));
}

TEST(CheckSet, MoreThanRelease01KnowsIsStoredBesideWhatItCanCarryOut) {
  struct Case {
    const char* name;
    CheckSet checks;
    CheckRule shown;
    int64_t interval_ms;
  };
  CheckRule posted = http("/x");
  posted.method = "POST";
  posted.port = 81;
  posted.failures = 5;
  CheckRule connected = tcp(81);
  connected.failures = 5;
  const Case kCases[] = {
      {"another name", {{"web", 3'000, http("/a")}}, http("/a"), 3'000},
      {"two", {{"a", 3'000, tcp(81)}, {"check", 4'000, http("/b")}}, http("/b"), 4'000},
      {"first", {{"a", 3'000, tcp(81)}, {"b", 4'000, http("/b")}}, tcp(81), 3'000},
      {"method", {{"check", 3'000, posted}}, connected, 3'000},
      {"https", {{"check", 3'000, of_kind(Kind::kHttps)}}, tcp(), 3'000},
      {"grpc", {{"check", 3'000, of_kind(Kind::kGrpc)}}, tcp(), 3'000},
      {"udp beside", {{"check", 3'000, of_kind(Kind::kUdp)}, {"z", 7'000, tcp(9)}}, tcp(9), 7'000},
  };
  for (const Case& one : kCases) {
    const StoredChecks stored = stored_form(one.checks);
    EXPECT_EQ(decode_check(stored.rule), one.shown) << one.name;
    EXPECT_EQ(stored.interval_ms, one.interval_ms) << one.name;
    EXPECT_NE(stored.set, "") << one.name;
    EXPECT_EQ(checks_from(stored.interval_ms, stored.rule, stored.set), one.checks) << one.name;
  }
}

TEST(CheckSet, DatagramsAloneAreNeverSentByRelease01) {
  const CheckSet checks = {{"check", 3'000, of_kind(Kind::kUdp)}};
  const StoredChecks stored = stored_form(checks);
  EXPECT_EQ(decode_check(stored.rule), tcp());
  EXPECT_GT(stored.interval_ms, int64_t{50} * 365 * 24 * 3600 * 1000);
  EXPECT_EQ(checks_from(stored.interval_ms, stored.rule, stored.set), checks);
}

TEST(CheckSet, WithoutASetThatCanBeReadTheFirstFormCounts) {
  const StoredChecks stored = stored_form(everything());
  const CheckSet shown = {{"check", stored.interval_ms, *decode_check(stored.rule)}};
  EXPECT_EQ(checks_from(stored.interval_ms, stored.rule, ""), shown);
  EXPECT_EQ(checks_from(stored.interval_ms, stored.rule, "\x02later"), shown);
  EXPECT_EQ(checks_from(-1, stored.rule, "")[0].interval_ms, 0);
}

}  // namespace
}  // namespace callbook::core
