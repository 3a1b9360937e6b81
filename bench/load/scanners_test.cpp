#include "load/event_scanner.h"
#include "load/response_scanner.h"
#include <gmock/gmock.h>

namespace callbook::load {
namespace {

using testing::ElementsAre;

struct Responses {
  std::vector<std::string> seen;  ///< "200 body"

  void on_head(int status) { open = std::to_string(status) + " "; }
  void on_body(std::string_view part) { open.append(part); }
  void on_end() { seen.push_back(open); }

  std::string open;
};

constexpr std::string_view kThree =
    "HTTP/1.1 201 Created\r\ncontent-length: 3\r\nX: y\r\n\r\nabc"
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
    "chunked\r\n\r\n4\r\nwiki\r\na;x=1\r\n0123456789\r\n0\r\n\r\n"
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

TEST(ResponseScanner, CutsPipelinedResponsesHoweverTheyArrive) {
  for (size_t step = 1; step <= kThree.size(); ++step) {
    ResponseScanner scanner;
    Responses responses;
    for (size_t at = 0; at < kThree.size(); at += step) {
      scanner.feed(kThree.substr(at, step), responses);
    }
    EXPECT_THAT(responses.seen, ElementsAre("201 abc", "200 wiki0123456789", "503 ")) << step;
  }
}

TEST(ResponseScanner, AnUnfinishedResponseIsNotCounted) {
  ResponseScanner scanner;
  Responses responses;
  scanner.feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", responses);
  EXPECT_THAT(responses.seen, ElementsAre());
}

TEST(ResponseScannerDeathTest, RefusesWhatIsNoResponse) {
  ResponseScanner scanner;
  Responses responses;
  EXPECT_EXIT(scanner.feed("HTTP/1.1 200 OK\r\nX: y\r\n\r\n", responses),
              testing::ExitedWithCode(1), "without a length");
  EXPECT_EXIT(scanner.feed("SSH-2.0\r\n\r\n", responses), testing::ExitedWithCode(1),
              "not a response");
}

TEST(EventScanner, CutsEventsHoweverTheyArrive) {
  const std::string_view stream =
      "event:delta\nid:x-1\ndata:{\"service\":\"s\",\"digest\":\"D1\",\"put\":{}}\n\n"
      ": a comment\n\n"
      "event: alive\ndata: {}\n\n";
  for (size_t step = 1; step <= stream.size(); ++step) {
    EventScanner scanner;
    std::vector<std::string> seen;
    for (size_t at = 0; at < stream.size(); at += step) {
      scanner.feed(stream.substr(at, step), [&](const Event& event) {
        seen.push_back(std::string(event.type) + " " + std::string(event.text_of("\"digest\":")));
      });
    }
    EXPECT_THAT(seen, ElementsAre("delta D1", " ", "alive ")) << step;
  }
}

}  // namespace
}  // namespace callbook::load
