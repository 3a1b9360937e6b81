#include "cli/check_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callbook::cli {
namespace {

using testing::HasSubstr;

TEST(CheckSpec, ReadsEveryKind) {
  const std::pair<const char*, CheckSpec> cases[] = {
      {"tcp", {"check", "tcp", false, 0, "", ""}},
      {"tcp:9000", {"check", "tcp", false, 9000, "", ""}},
      {"http:/health", {"check", "http", false, 0, "/health", ""}},
      {"http:8081/health?deep=1", {"check", "http", false, 8081, "/health?deep=1", ""}},
      {"https:8443/health", {"check", "https", false, 8443, "/health", ""}},
      {"web=https:/", {"web", "https", false, 0, "/", ""}},
      {"grpc", {"check", "grpc", false, 0, "", ""}},
      {"grpc:9090", {"check", "grpc", false, 9090, "", ""}},
      {"grpc:9090/my.Service", {"check", "grpc", false, 9090, "", "my.Service"}},
      {"a=grpcs:/my.Service", {"a", "grpc", true, 0, "", "my.Service"}},
      {"udp:53", {"check", "udp", false, 53, "", ""}},
      {"admin=tcp", {"admin", "tcp", false, 0, "", ""}},
  };
  for (const auto& [text, expected] : cases) {
    const auto read = parse_check(text);
    ASSERT_TRUE(read.ok()) << text << ": " << read.error().to_string();
    EXPECT_EQ(*read, expected) << text;
    EXPECT_EQ(text_of(*read), text);
  }
}

TEST(CheckSpec, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "KIND is tcp"},
      {"ping", "KIND is tcp"},
      {"HTTP:/x", "KIND is tcp"},
      {"http", "needs a path, such as http:/health"},
      {"https:8443", "needs a path"},
      {"http:health", "the port 'health'"},
      {"tcp:", "nothing behind"},
      {"tcp:0", "1 to 65535"},
      {"tcp:65536", "1 to 65535"},
      {"tcp:80/x", "names a path"},
      {"udp:/x", "names a path"},
      {"=tcp", "must not be empty"},
      {"a b=tcp", "has a name that holds"},
      {"a=b=tcp", "KIND is tcp"},
  };
  for (const auto& [text, why] : cases) {
    const auto read = parse_check(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().field, "--check");
    EXPECT_THAT(read.error().detail, HasSubstr(why)) << text;
  }
}

std::string json_of(const CheckOptions& options) {
  const auto checks = read_checks(options);
  if (!checks.ok()) return checks.error().to_string();
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  append_checks(json, *checks, options);
  json.end_object();
  return text;
}

TEST(CheckSpec, OneWithoutANameIsTheFieldThatRelease01Knows) {
  CheckOptions options;
  options.checks = {"http:8081/health"};
  options.interval_ms = 5'000;
  options.timeout_ms = 500;
  options.failures = 2;
  options.successes = 3;
  options.remove_after_ms = 60'000;
  EXPECT_EQ(json_of(options),
            R"({"check":{"http":{"port":8081,"path":"/health"},"interval_ms":5000,)"
            R"("timeout_ms":500,"failures":2,"successes":3,"remove_after_ms":60000}})");
}

TEST(CheckSpec, SeveralGoByName) {
  CheckOptions options;
  options.checks = {"web=https:8443/health", "rpc=grpcs:9090/my.Service", "dns=udp:53", "tcp"};
  options.method = "HEAD";
  options.headers = {"X-Probe=callbook", "Accept=*/*"};
  options.host = "orders.example";
  options.expected = {"204", "300-399"};
  options.skip_verify = true;
  options.server_name = "orders.internal";
  options.payload = "ping";
  options.silence_passes = true;
  EXPECT_EQ(json_of(options),
            R"({"checks":{"web":{"https":{"port":8443,"path":"/health","method":"HEAD",)"
            R"("host":"orders.example","headers":{"X-Probe":"callbook","Accept":"*/*"},)"
            R"("expect":["204","300-399"],"skip_verify":true,"server_name":"orders.internal"}},)"
            R"("rpc":{"grpc":{"port":9090,"service":"my.Service","tls":true,"skip_verify":true,)"
            R"("server_name":"orders.internal"}},)"
            R"("dns":{"udp":{"port":53,"payload":"ping","silence":"passes"}},)"
            R"("check":{"tcp":{}}}})");
}

TEST(CheckSpec, ANameComesOnce) {
  CheckOptions options;
  options.checks = {"tcp", "http:/"};
  EXPECT_THAT(json_of(options), HasSubstr("the second check called 'check'"));
}

TEST(CheckSpec, AnOptionThatNoCheckTakesIsAMistake) {
  CheckOptions options;
  options.checks = {"tcp"};
  options.skip_verify = true;
  EXPECT_THAT(json_of(options), HasSubstr("--check-skip-verify: is of an https or grpcs check"));
  options = {};
  options.interval_ms = 1;
  EXPECT_THAT(json_of(options), HasSubstr("--check-interval: is of a check"));
}

}  // namespace
}  // namespace callbook::cli
