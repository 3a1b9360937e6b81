// Requests that a server must refuse: RFC 9112's ambiguities are how requests are smuggled.
#include <gtest/gtest.h>

#include "net/test_server.h"

namespace callbook::net {
namespace {

using testing::get;
using testing::RawClient;
using testing::TestServer;
using testing::WireResponse;

struct BadRequest {
  const char* why;
  std::string bytes;
  int status;
};

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n" + body;
}

std::vector<BadRequest> bad_requests() {
  using std::string_literals::operator""s;
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  return {
      {"length beside encoding", post("Content-Length: 5\r\n" + chunked, "0\r\n\r\n"), 400},
      {"encoding beside length", post(chunked + "Content-Length: 5\r\n", "0\r\n\r\n"), 400},
      {"length beside gzip", post("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", "12345"),
       400},
      {"two different lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "123456"), 400},
      {"the same length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n", "12345"), 400},
      {"a list of lengths", post("Content-Length: 5, 5\r\n", "12345"), 400},
      {"negative length", post("Content-Length: -1\r\n"), 400},
      {"signed length", post("Content-Length: +5\r\n", "12345"), 400},
      {"hexadecimal length", post("Content-Length: 0x5\r\n", "12345"), 400},
      {"empty length", post("Content-Length:\r\n"), 400},
      {"length over 64 bits", post("Content-Length: 18446744073709551616\r\n"), 400},
      {"unknown encoding", post("Transfer-Encoding: gzip\r\n"), 501},
      {"encoding behind chunked", post("Transfer-Encoding: chunked, gzip\r\n"), 501},
      {"encoding before chunked", post("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"two encodings", post("Transfer-Encoding: gzip\r\n" + chunked), 400},
      {"chunked twice", post(chunked + chunked), 400},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\n" + chunked + "\r\n0\r\n\r\n", 400},
      {"bad chunk size", post(chunked, "xyz\r\n"), 400},
      {"negative chunk size", post(chunked, "-1\r\nx\r\n"), 400},
      {"chunk size over 64 bits", post(chunked, "10000000000000000\r\n"), 400},
      {"chunk longer than told", post(chunked, "1\r\nxx\r\n0\r\n\r\n"), 400},
      {"line feeds alone", "GET / HTTP/1.1\nHost: t\n\n", 400},
      {"line feed alone in a header", "GET / HTTP/1.1\r\nHost: t\nX: y\r\n\r\n", 400},
      {"carriage return alone", "GET / HTTP/1.1\r\nHost: t\rX: y\r\n\r\n", 400},
      {"NUL in a value", "GET / HTTP/1.1\r\nHost: t\r\nX: a\0b\r\n\r\n"s, 400},
      {"NUL in the target", "GET /\0 HTTP/1.1\r\nHost: t\r\n\r\n"s, 400},
      {"space before the colon", "GET / HTTP/1.1\r\nHost : t\r\n\r\n", 400},
      {"no colon", "GET / HTTP/1.1\r\nHost t\r\n\r\n", 400},
      {"empty name", "GET / HTTP/1.1\r\nHost: t\r\n: x\r\n\r\n", 400},
      {"folded line", "GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n", 400},
      {"folded first line", "GET / HTTP/1.1\r\n Host: t\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"target without slash", "GET x HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"authority alone", "CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"space in the target", "GET /a b HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"no target", "GET  HTTP/1.1\r\nHost: t\r\n\r\n", 400},
      {"no version", "GET /\r\nHost: t\r\n\r\n", 400},
      {"another version", "GET / HTTP/1.2\r\nHost: t\r\n\r\n", 400},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
      {"unknown expectation", post("Expect: miracles\r\n"), 417},
  };
}

TEST(HttpFraming, RefusesWhatIsMalformedAndCloses) {
  TestServer server;
  for (const BadRequest& bad : bad_requests()) {
    RawClient client(server.port());
    client.send(get("/before") + bad.bytes + get("/behind"));
    EXPECT_EQ(client.read().body, "GET /before ") << bad.why;
    const WireResponse response = client.read();
    EXPECT_EQ(response.status, bad.status) << bad.why << ": " << response.body;
    EXPECT_EQ(response.headers.count("connection"), 1U) << bad.why;
    EXPECT_TRUE(client.at_eof()) << bad.why;
  }
  EXPECT_EQ(server.stats().refused_requests, bad_requests().size());
  EXPECT_EQ(server.stats().requests, bad_requests().size());
}

TEST(HttpFraming, AcceptsWhatIsUnusualButClear) {
  TestServer server;
  RawClient client(server.port());
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\r\n\r\nGET /empty-lines HTTP/1.1\r\nHost: t\r\n\r\n", "GET /empty-lines "},
      {"GET http://t:80/absolute?q HTTP/1.1\r\nHost: t\r\n\r\n", "GET /absolute "},
      {"OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n", "OPTIONS * "},
      {"BREW /pot HTTP/1.1\r\nHost: t\r\n\r\n", "OTHER /pot "},
      {"GET / HTTP/1.1\r\nhOsT:t\r\nX:\t y \t\r\nEmpty:\r\n\r\n", "GET / "},
      {"GET /body HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi", "GET /body hi"},
      {"GET /\xc3\xbc HTTP/1.1\r\nHost: t\r\n\r\n", "GET /\xc3\xbc "},
  };
  for (const auto& [bytes, body] : cases) {
    client.send(bytes);
    EXPECT_EQ(client.read().body, body);
  }
}

}  // namespace
}  // namespace callbook::net
