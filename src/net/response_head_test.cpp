#include "net/response_head.h"

#include <string>

#include <gtest/gtest.h>

namespace callbook::net {
namespace {

using State = ResponseHead::State;

/// The outcome, which must not depend on the pieces that the bytes come in. -1: open; 0: no HTTP.
int status_of(std::string_view bytes) {
  const auto number = [](State state, const ResponseHead& head) {
    if (state == State::kOpen) return -1;
    return state == State::kWhole ? head.status() : 0;
  };
  ResponseHead at_once;
  const int status = number(at_once.take(bytes), at_once);
  ResponseHead in_bytes;
  State last = State::kOpen;
  for (const char& c : bytes) last = in_bytes.take({&c, 1});
  EXPECT_EQ(number(last, in_bytes), status) << bytes;
  return status;
}

TEST(ResponseHead, IsWholeAtTheEmptyLine) {
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), 200);
  EXPECT_EQ(status_of("HTTP/1.0 404 Not Found\r\n\r\n"), 404);
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), -1);
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\r\n\r"), -1);
  EXPECT_EQ(status_of(""), -1);
}

TEST(ResponseHead, TakesWhatServersWrite) {
  EXPECT_EQ(status_of("HTTP/1.1 204\r\n\r\n"), 204);
  EXPECT_EQ(status_of("HTTP/1.1 204 \r\n\r\n"), 204);
  EXPECT_EQ(status_of("HTTP/1.1 200 OK\nA: b\n\n"), 200);
  EXPECT_EQ(status_of("HTTP/1.1 200 Très bien\r\nA:\r\nB:\t b\r\n folded\r\n\r\n"), 200);
}

TEST(ResponseHead, PassesOverInterimAnswers) {
  EXPECT_EQ(status_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                      "HTTP/1.1 503 Busy\r\n\r\n"),
            503);
  EXPECT_EQ(status_of("HTTP/1.1 100 Continue\r\n\r\n"), -1);
  EXPECT_EQ(status_of("HTTP/1.1 101 Switching Protocols\r\n\r\n"), 101);
}

TEST(ResponseHead, IsNotWhatOthersSay) {
  for (const char* bytes :
       {"SSH-2.0-OpenSSH_9.2\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.x 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\r\n\r\n",
        "HTTP/1.1 200 O\x01K\r\n\r\n", "HTTP/1.1 200 OK\r\n::\r\n\r\n",
        "HTTP/1.1 200 OK\r\n continued\r\n\r\n", "HTTP/1.1 200 OK\r\nwords alone\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\rC: d\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n"}) {
    EXPECT_EQ(status_of(bytes), 0) << bytes;
  }
  EXPECT_EQ(status_of(std::string("HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n", 26)), 0);
}

}  // namespace
}  // namespace callbook::net
