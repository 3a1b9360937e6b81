#include "dialects/native/json_input.h"

#include <gtest/gtest.h>

#include "core/check_rule.h"
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
      {R"({"address":"::1","check":{"tcp":{},"tcp":{}}})", "tcp"},
      {R"({"address":"::1","check":{"udp":{}}})", "udp"},
      {R"({"address":"::1","check":{"tcp":8080}})", "check.tcp"},
      {R"({"address":"::1","check":{"tcp":{"port":"80"}}})", "check.tcp.port"},
      {R"({"address":"::1","check":{"tcp":{"path":"/"}}})", "check.tcp.path"},
      {R"({"address":"::1","check":{"http":{}}})", "check.http.path"},
      {R"({"address":"::1","check":{"http":{"path":7}}})", "check.http.path"},
      {R"({"address":"::1","check":{"http":{"path":"/","host":"x"}}})", "host"},
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
      {R"({"address":"a","session":"short"})", "session"},
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
