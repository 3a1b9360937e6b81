#include "dialects/native/json_input.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/check_set.h"
#include "core/registration_extras.h"
#include "net/http_message.h"

namespace callbook::native {
namespace {

/// `text` with the readable bytes behind it that JsonInput asks for.
class Padded {
 public:
  explicit Padded(std::string text) : size_(text.size()), bytes_(std::move(text)) {
    bytes_.append(net::kBodyPadding, '\0');
  }
  operator std::string_view() const {
    return std::string_view(bytes_).substr(0, size_);
  }  // NOLINT: implicit

 private:
  size_t size_;
  std::string bytes_;
};

TEST(JsonInput, ReadsAWholeRegistration) {
  JsonInput input;
  const auto read = input.registration(Padded(
      R"({"address":"10.0.0.7","port":8080,"ports":{"grpc":9090,"admin":1},"zone":"a","weight":7,
          "metadata":{"b":"\u00e9\n","a":"1"},"session":"0123456789abcdef0123456789abcdef"})"));
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read->registration.address, "10.0.0.7");
  EXPECT_EQ(read->registration.weight, 7u);
  EXPECT_EQ(read->registration.holder.session,
            (core::SessionId{0x0123456789abcdef, 0x0123456789abcdef}));
  std::string metadata;
  core::for_each_metadata(read->registration.metadata.bytes(), [&](auto name, auto value) {
    metadata.append(name).append("=").append(value).append(";");
  });
  EXPECT_EQ(metadata, "a=1;b=\xc3\xa9\n;");
}

TEST(JsonInput, ReadsAWholeCheck) {
  JsonInput input;
  const auto read = input.registration(Padded(
      R"({"address":"10.0.0.7","port":80,"check":{"interval_ms":9000,"timeout_ms":800,"failures":2,
          "successes":4,"remove_after_ms":60000,"http":{"path":"/health","port":81}}})"));
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read->registration.holder, (core::Holder{core::HolderKind::kTtl, {}, 9'000}));
  const core::CheckRule rule{core::CheckRule::Kind::kHttp, 81, 800, 2, 4, 60'000, "/health"};
  EXPECT_EQ(core::decode_check(read->registration.check), rule);
}

core::CheckSet checks_of(const core::Registration& registration) {
  const auto extras = core::decode_extras(registration.extras);
  return core::checks_from(registration.holder.ttl_ms, registration.check, extras->checks);
}

TEST(JsonInput, ReadsSeveralChecksOfAllKinds) {
  JsonInput input;
  const auto read = input.registration(Padded(
      R"({"address":"10.0.0.7","port":80,"checks":{
          "web":{"https":{"path":"/h","port":443,"method":"HEAD","headers":{"X-A":"1","X-B":""},
                 "host":"shop","expect":["204","300-399"],"skip_verify":true,"server_name":"s"},
                 "interval_ms":2000},
          "rpc":{"grpc":{"port":90,"service":"o.v1","tls":true,"skip_verify":false,
                 "server_name":"g"},"failures":1},
          "dns":{"udp":{"port":53,"payload":"a\n","silence":"passes"},"timeout_ms":70},
          "port":{"tcp":{}}}})"));
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  using core::CheckRule;
  CheckRule web{CheckRule::Kind::kHttps, 443, 1'000, 3, 1, 0, "/h"};
  web.method = "HEAD";
  web.headers = {{"X-A", "1"}, {"X-B", ""}};
  web.host = "shop";
  web.expected = {{204, 204}, {300, 399}};
  web.skip_verify = true;
  web.server_name = "s";
  CheckRule rpc{CheckRule::Kind::kGrpc, 90, 1'000, 1, 1, 0, ""};
  rpc.grpc_service = "o.v1";
  rpc.tls = true;
  rpc.server_name = "g";
  CheckRule dns{CheckRule::Kind::kUdp, 53, 70, 3, 1, 0, ""};
  dns.payload = "a\n";
  dns.silence_passes = true;
  EXPECT_EQ(
      checks_of(read->registration),
      (core::CheckSet{
          {"dns", 5'000, dns}, {"port", 5'000, {}}, {"rpc", 5'000, rpc}, {"web", 2'000, web}}));
}

TEST(JsonInput, MoreChecksOrHeadersThanTheLimitAreRefused) {
  JsonInput input;
  std::string checks;
  std::string headers;
  for (int i = 0; i < 17; ++i) {
    checks += fmt::format(R"({}"c{}":{{"tcp":{{}}}})", i == 0 ? "" : ",", i);
    headers += fmt::format(R"({}"X-{}":"1")", i == 0 ? "" : ",", i);
  }
  auto read = input.registration(
      Padded(fmt::format(R"({{"address":"::1","port":80,"checks":{{{}}}}})", checks)));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().field, "checks");
  EXPECT_EQ(read.error().limit, 16);
  read = input.registration(Padded(fmt::format(
      R"({{"address":"::1","port":80,"check":{{"http":{{"path":"/","headers":{{{}}}}}}}}})",
      headers)));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().field, "check.http.headers");
  EXPECT_EQ(read.error().limit, 16);
}

TEST(JsonInput, AShortIntervalShortensTheDefaultTimeOut) {
  JsonInput input;
  const auto read = input.registration(
      Padded(R"({"address":"10.0.0.7","port":80,"check":{"tcp":{},"interval_ms":600}})"));
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(core::decode_check(read->registration.check)->timeout_ms, 600);
}

struct Fault {
  const char* body;
  const char* field;
};

TEST(JsonInput, RefusesWhatIsWrongNamingTheField) {
  const Fault faults[] = {
      {"", "body"},
      {"nonsense", "body"},
      {"[]", "body"},
      {R"({"address":"a","persistent":true)", "body"},
      {R"({"address":"a","persistent":true} x)", "body"},
      {R"({"address":"a","persistent":true}{})", "body"},
      {R"({"persistent":true})", "address"},
      {R"({"address":"a"})", "session"},
      {R"({"address":"a","persistent":true,"ttl_ms":5000})", "session"},
      {R"({"address":"a","persistent":false})", "persistent"},
      {R"({"address":"::1","check":{"tcp":{}},"ttl_ms":5000})", "session"},
      {R"({"address":"::1","check":{}})", "check"},
      {R"({"address":"::1","check":"tcp"})", "check"},
      {R"({"address":"::1","check":{"tcp":{},"http":{"path":"/"}}})", "check"},
      {R"({"address":"::1","check":{"tcp":{},"tcp":{}}})", "check.tcp"},
      {R"({"address":"::1","check":{"sctp":{}}})", "check.sctp"},
      {R"({"address":"::1","check":{"tcp":8080}})", "check.tcp"},
      {R"({"address":"::1","check":{"tcp":{"port":"80"}}})", "check.tcp.port"},
      {R"({"address":"::1","check":{"tcp":{"path":"/"}}})", "check.tcp.path"},
      {R"({"address":"::1","check":{"http":{}}})", "check.http.path"},
      {R"({"address":"::1","check":{"http":{"path":7}}})", "check.http.path"},
      {R"({"address":"::1","check":{"http":{"path":"/","tls":true}}})", "check.http.tls"},
      {R"({"address":"::1","check":{"http":{"path":"/","server_name":"x"}}})",
       "check.http.server_name"},
      {R"({"address":"::1","check":{"https":{}}})", "check.https.path"},
      {R"({"address":"::1","check":{"https":{"path":"/","skip_verify":1}}})",
       "check.https.skip_verify"},
      {R"({"address":"::1","check":{"http":{"path":"/","headers":["a"]}}})", "check.http.headers"},
      {R"({"address":"::1","check":{"http":{"path":"/","headers":{"a":1}}}})",
       "check.http.headers"},
      {R"({"address":"::1","check":{"http":{"path":"/","headers":{"a":"1","a":"2"}}}})",
       "check.http.headers"},
      {R"({"address":"::1","check":{"http":{"path":"/","expect":"200"}}})", "check.http.expect"},
      {R"({"address":"::1","check":{"http":{"path":"/","expect":["2xx"]}}})", "check.http.expect"},
      {R"({"address":"::1","check":{"http":{"path":"/","expect":["200-"]}}})", "check.http.expect"},
      {R"({"address":"::1","check":{"http":{"path":"/","expect":["2000"]}}})", "check.http.expect"},
      {R"({"address":"::1","check":{"grpc":{"path":"/"}}})", "check.grpc.path"},
      {R"({"address":"::1","check":{"grpc":{"tls":"yes"}}})", "check.grpc.tls"},
      {R"({"address":"::1","check":{"udp":{"silence":"is golden"}}})", "check.udp.silence"},
      {R"({"address":"::1","check":{"udp":{"payload":7}}})", "check.udp.payload"},
      {R"({"address":"::1","check":{"tcp":{},"failures":70000}})", "check.failures"},
      {R"({"address":"::1","check":{"tcp":{}},"checks":{"web":{"tcp":{}}}})", "session"},
      {R"({"address":"::1","checks":{}})", "checks"},
      {R"({"address":"::1","checks":[]})", "checks"},
      {R"({"address":"::1","checks":{"a b":{"tcp":{}}}})", "checks"},
      {R"({"address":"::1","checks":{"a":{"tcp":{}},"a":{"tcp":{}}}})", "checks.a"},
      {R"({"address":"::1","checks":{"web":7}})", "checks.web"},
      {R"({"address":"::1","checks":{"web":{}}})", "checks.web"},
      {R"({"address":"::1","checks":{"web":{"http":{}}}})", "checks.web.http.path"},
      {R"({"address":"::1","checks":{"web":{"tcp":{},"every":5}}})", "checks.web.every"},
      {R"({"address":"orders.example","checks":{"web":{"tcp":{}}}})", "address"},
      {R"({"address":"::1","check":{"tcp":{},"interval_ms":"5s"}})", "check.interval_ms"},
      {R"({"address":"::1","check":{"tcp":{},"timeout_ms":-1}})", "check.timeout_ms"},
      {R"({"address":"::1","check":{"tcp":{},"failures":1.5}})", "check.failures"},
      {R"({"address":"orders.example","check":{"tcp":{}}})", "address"},
      {R"({"address":"169.254.169.254","check":{"tcp":{}}})", "address"},
      {R"({"address":7,"persistent":true})", "address"},
      {R"({"address":"a","address":"b","persistent":true})", "address"},
      {R"({"address":"a","colour":"red","persistent":true})", "colour"},
      {R"({"address":"a","op":"register","persistent":true})", "op"},
      {R"({"address":"a","weight":"0","persistent":true})", "weight"},
      {R"({"address":"a","weight":-1,"persistent":true})", "weight"},
      {R"({"address":"a","weight":1.5,"persistent":true})", "weight"},
      {R"({"address":"a","weight":1e3,"persistent":true})", "weight"},
      {R"({"address":"a","weight":99999999999999999999,"persistent":true})", "weight"},
      {R"({"address":"a","weight":null,"persistent":true})", "weight"},
      {R"({"address":"a","port":65536,"persistent":true})", "port"},
      {R"({"address":"a","port":"80","persistent":true})", "port"},
      {R"({"address":"a","ports":{"grpc":0},"persistent":true})", "ports.grpc"},
      {R"({"address":"a","ports":[1],"persistent":true})", "ports"},
      {R"({"address":"a","ports":{"x":1,"x":2},"persistent":true})", "ports.x"},
      {R"({"address":"a","metadata":{"k":1},"persistent":true})", "metadata.k"},
      {R"({"address":"a","metadata":{"k":"1","k":"2"},"persistent":true})", "metadata.k"},
      {R"({"address":"a","metadata":"x","persistent":true})", "metadata"},
      {R"({"address":"10.0.0.1:80","persistent":true})", "address"},
      {R"({"address":"a","session":"short"})", "session"},
      {R"({"address":"a","session":"00000000000000000000000000000000"})", "session"},
      {R"({"address":"a","ttl_ms":"5s"})", "ttl_ms"},
      {"{\"address\":\"\xff\",\"persistent\":true}", "body"},
  };
  JsonInput input;
  for (const Fault& fault : faults) {
    const auto read = input.registration(Padded(fault.body));
    ASSERT_FALSE(read.ok()) << fault.body;
    EXPECT_EQ(read.error().field, fault.field) << fault.body << " " << read.error().detail;
  }
}

TEST(JsonInput, AddressesAreReadInOneSpelling) {
  JsonInput input;
  const auto read =
      input.registration(Padded(R"({"address":"2001:DB8:0:0::1","port":80,"check":{"tcp":{}}})"));
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read->registration.address, "2001:db8::1");
  const auto line = input.operation(Padded(
      R"({"op":"register","service":"s","id":"i","address":"Host.Example.","persistent":true})"));
  ASSERT_TRUE(line.ok()) << line.error().to_string();
  EXPECT_EQ(std::get<core::RegisterInstance>(*line).registration.address, "host.example");
}

TEST(JsonInput, NoSessionIsNil) {
  const std::string nil(32, '0');
  JsonInput input;
  for (const std::string& line :
       {R"({"op":"deregister","service":"s","id":"i","session":")" + nil + "\"}",
        R"({"op":"heartbeat","session":")" + nil + "\"}"}) {
    const auto read = input.operation(Padded(line));
    ASSERT_FALSE(read.ok()) << line;
    EXPECT_EQ(read.error().field, "session");
  }
  const auto resumed = input.session(Padded(R"({"resume":")" + nil + "\"}"));
  ASSERT_FALSE(resumed.ok());
  EXPECT_EQ(resumed.error().field, "resume");
}

TEST(JsonInput, ReadsTheOperationsOfABatch) {
  JsonInput input;
  const std::string session = "0123456789abcdef0123456789abcdef";
  auto read = input.operation(
      Padded(R"({"op":"register","service":"s","id":"i","address":"a","ttl_ms":5000})"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(std::get<core::RegisterInstance>(*read).key,
            (core::InstanceKey{{"default", "s"}, "i"}));
  read = input.operation(Padded(R"({"op":"deregister","service":"s","id":"i","namespace":"n"})"));
  EXPECT_EQ(std::get<core::DeregisterInstance>(*read).key, (core::InstanceKey{{"n", "s"}, "i"}));
  EXPECT_EQ(std::get<core::DeregisterInstance>(*read).session, core::SessionId{});
  read = input.operation(
      Padded(R"({"op":"deregister","service":"s","id":"i","session":")" + session + "\"}"));
  EXPECT_EQ(std::get<core::DeregisterInstance>(*read).session, core::session_id_from(session));
  read = input.operation(Padded(R"({"op":"heartbeat","session":")" + session + "\"}"));
  EXPECT_TRUE(std::holds_alternative<core::RefreshSession>(*read));
  read = input.operation(Padded(R"({"op":"heartbeat","service":"s","id":"i"})"));
  EXPECT_TRUE(std::holds_alternative<core::RefreshInstance>(*read));
  for (const char* bad :
       {R"({"op":"dance"})", R"({"service":"s","id":"i"})",
        R"({"op":"deregister","service":"s","id":"i","ttl_ms":1})",
        R"({"op":"heartbeat","service":"s","session":"0123456789abcdef0123456789abcdef"})"}) {
    EXPECT_FALSE(input.operation(Padded(bad)).ok()) << bad;
  }
}

TEST(JsonInput, ReadsWhatToWatch) {
  JsonInput input;
  const auto read = input.watch(
      Padded(
          R"({"services":[{"service":"a","digest":"AAAAAAAAAAE"},{"service":"b","namespace":"n"}]})"),
      "default");
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  ASSERT_EQ(read->items.size(), 2u);
  EXPECT_EQ(read->items[1].key, (core::ServiceKey{"n", "b"}));
  EXPECT_FALSE(read->items[1].digest.has_value());
  for (const char* bad :
       {"{}", R"({"services":[]})", R"({"services":["a"]})",
        R"({"services":[{"digest":"AAAAAAAAAAA"}]})",
        R"({"services":[{"service":"a","digest":"zz"}]})", R"({"services":{"service":"a"}})"}) {
    EXPECT_FALSE(input.watch(Padded(bad), "default").ok()) << bad;
  }
}

}  // namespace
}  // namespace callbook::native
