#include "net/request_parser.h"

#include <cstring>

#include <gtest/gtest.h>

namespace callbook::net {
namespace {

using Event = RequestParser::Event;

void feed(RequestParser& parser, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> space = parser.space();
    const size_t count = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), count);
    parser.commit(count);
    bytes.remove_prefix(count);
  }
}

TEST(RequestParser, GivesTheSameRequestsHoweverTheBytesAreCut) {
  const std::string bytes =
      "PUT /a?b HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello"
      "POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: x\r\n\r\n"
      "POST /e HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      "GET /d HTTP/1.1\r\nHost: t\r\nX: y\r\n\r\n";
  for (size_t cut = 1; cut <= bytes.size(); ++cut) {
    const HttpLimits limits;
    RequestParser parser(limits);
    std::string seen;
    for (size_t at = 0; at < bytes.size(); at += cut) {
      feed(parser, std::string_view(bytes).substr(at, cut));
      while (parser.next() == Event::kRequest) {
        const HttpRequest& request = parser.request();
        seen += fmt::format("{} {} {} {};", request.path, request.query, request.body,
                            request.headers->size());
      }
    }
    EXPECT_EQ(seen, "/a b hello 2;/c  abcdefg 2;/e   2;/d   2;") << "cut every " << cut << " bytes";
    EXPECT_EQ(parser.buffered_bytes(), 0U);
  }
}

TEST(RequestParser, AnAnnouncedLengthAloneCostsNoMemory) {
  const HttpLimits limits;
  RequestParser parser(limits);
  feed(parser, "PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 16000000\r\n\r\nx");
  EXPECT_EQ(parser.next(), Event::kNeedMore);
  parser.space();
  EXPECT_LE(parser.capacity_bytes(), 64U * 1024);
}

TEST(RequestParser, ALargeBodysMemoryIsGivenBack) {
  const HttpLimits limits;
  RequestParser parser(limits);
  const std::string body(5'000'000, 'x');
  feed(parser, "PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 5000000\r\n\r\n");
  EXPECT_EQ(parser.next(), Event::kNeedMore);
  for (size_t at = 0; at < body.size(); at += 50'000) {
    feed(parser, std::string_view(body).substr(at, 50'000));
    if (at + 50'000 >= body.size()) break;
    ASSERT_EQ(parser.next(), Event::kNeedMore);
  }
  ASSERT_EQ(parser.next(), Event::kRequest);
  EXPECT_TRUE(parser.request().body == body);
  EXPECT_LT(parser.capacity_bytes(), 11'000'000U);
  EXPECT_EQ(parser.next(), Event::kNeedMore);
  parser.space();
  EXPECT_LE(parser.capacity_bytes(), 64U * 1024);
}

TEST(RequestParser, FramingOfChunksTakesNoMemory) {
  const HttpLimits limits;
  RequestParser parser(limits);
  feed(parser, "PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string chunks;
  for (int i = 0; i < 100; ++i) chunks += "1\r\nx\r\n";
  for (int i = 0; i < 300; ++i) {  // 180,000 bytes that hold 30,000
    feed(parser, chunks);
    ASSERT_EQ(parser.next(), Event::kNeedMore);
  }
  EXPECT_LE(parser.capacity_bytes(), 64U * 1024);
  feed(parser, "0\r\n\r\n");
  ASSERT_EQ(parser.next(), Event::kRequest);
  EXPECT_TRUE(parser.request().body == std::string(30'000, 'x'));
}

TEST(RequestParser, StaysRefused) {
  const HttpLimits limits;
  RequestParser parser(limits);
  feed(parser, "bad");
  EXPECT_EQ(parser.next(), Event::kRefused);
  feed(parser, "GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(parser.next(), Event::kRefused);
}

TEST(RequestParser, TellsThePhaseForTheTimeOuts) {
  const HttpLimits limits;
  RequestParser parser(limits);
  using Phase = RequestParser::Phase;
  EXPECT_EQ(parser.phase(), Phase::kBetween);
  const auto phase_after = [&](std::string_view bytes) {
    feed(parser, bytes);
    parser.next();
    return parser.phase();
  };
  EXPECT_EQ(phase_after("\r\n"), Phase::kBetween);
  EXPECT_EQ(phase_after("PUT / HTTP/1.1\r\n"), Phase::kHeader);
  EXPECT_EQ(phase_after("Host: t\r\nContent-Length: 2\r\n\r\n"), Phase::kBody);
  EXPECT_EQ(phase_after("x"), Phase::kBody);
  EXPECT_EQ(phase_after("y"), Phase::kBetween);
}

}  // namespace
}  // namespace callbook::net
