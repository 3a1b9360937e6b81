#include "probe/http_exchange.h"

#include <string>

#include <gtest/gtest.h>

namespace callbook::probe {
namespace {

using Outcome = net::ProbeOutcome;

constexpr std::string_view kAuthority = "10.0.0.1:80";

net::ProbeVerdict verdict_of(const std::string& answer, const HttpRule& rule = {}) {
  HttpExchange exchange(rule, kAuthority);
  const auto verdict = exchange.take(answer);
  return verdict ? *verdict : exchange.closed();
}

Outcome outcome_of(const std::string& answer, const HttpRule& rule = {}) {
  return verdict_of(answer, rule).outcome;
}

std::string request_of(const HttpRule& rule) {
  EXPECT_EQ(fault_of(rule), "");
  HttpExchange exchange(rule, kAuthority);
  const std::string request = exchange.to_send();
  EXPECT_EQ(exchange.to_send(), "");
  return request;
}

TEST(HttpExchange, Only2xxPassesUnlessItIsSaid) {
  EXPECT_EQ(outcome_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nUP"), Outcome::kAnswered);
  EXPECT_EQ(outcome_of("HTTP/1.1 299 Odd\r\n\r\n"), Outcome::kAnswered);
  EXPECT_EQ(outcome_of("HTTP/1.1 300 Odd\r\n\r\n"), Outcome::kFailed);
  EXPECT_EQ(outcome_of("HTTP/1.1 301 Moved\r\nLocation: http://10.0.0.2/\r\n\r\n"),
            Outcome::kFailed);
  EXPECT_EQ(outcome_of("HTTP/1.1 500 Error\r\n\r\n"), Outcome::kFailed);
  HttpRule rule;
  rule.expect = {{200, 200}, {401, 403}};
  EXPECT_EQ(outcome_of("HTTP/1.1 200 OK\r\n\r\n", rule), Outcome::kAnswered);
  EXPECT_EQ(outcome_of("HTTP/1.1 204 No Content\r\n\r\n", rule), Outcome::kFailed);
  EXPECT_EQ(outcome_of("HTTP/1.1 401 Unauthorized\r\n\r\n", rule), Outcome::kAnswered);
  EXPECT_EQ(outcome_of("HTTP/1.1 403 Forbidden\r\n\r\n", rule), Outcome::kAnswered);
  EXPECT_EQ(outcome_of("HTTP/1.1 404 Not Found\r\n\r\n", rule), Outcome::kFailed);
  rule.expect = {{301, 301}};
  EXPECT_EQ(outcome_of("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", rule), Outcome::kAnswered);
}

TEST(HttpExchange, TheVerdictShowsTheStatusAndNothingThatTheServerWrote) {
  const net::ProbeVerdict verdict = verdict_of("HTTP/1.1 503 Secret\r\n\r\nmore");
  EXPECT_EQ(verdict.status, 503);
  EXPECT_EQ(verdict.text, "HTTP 503 Service Unavailable");
  EXPECT_EQ(verdict_of("HTTP/1.1 599 What\r\n\r\n").text, "HTTP 599");
}

TEST(HttpExchange, PassesOverInterimAnswers) {
  EXPECT_EQ(outcome_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), Outcome::kAnswered);
  EXPECT_EQ(outcome_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n"), Outcome::kFailed);
}

TEST(HttpExchange, WhoSpeaksSomethingElseOrNotToTheEndHasFailed) {
  EXPECT_EQ(verdict_of("-ERR unknown command 'GET'\r\n").text, "the answer is not HTTP/1");
  EXPECT_EQ(outcome_of("HTTP/1.1 200 OK\r\nno field\r\n\r\n"), Outcome::kFailed);
  EXPECT_EQ(outcome_of(""), Outcome::kFailed);
  EXPECT_EQ(outcome_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), Outcome::kFailed);
}

TEST(HttpExchange, AHeadThatComesInPiecesIsOne) {
  HttpExchange exchange({}, kAuthority);
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  for (size_t i = 0; i + 1 < answer.size(); ++i) {
    EXPECT_FALSE(exchange.take(answer.substr(i, 1))) << i;
  }
  const auto verdict = exchange.take(answer.substr(answer.size() - 1));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->outcome, Outcome::kAnswered);
}

TEST(HttpExchange, TheLongestHeadIsTakenWhole) {
  const auto head_of = [](size_t bytes) {
    std::string head = "HTTP/1.1 200 OK\r\nX-Filler: ";
    head.append(bytes - head.size() - 4, 'x');
    return head + "\r\n\r\n";
  };
  EXPECT_EQ(outcome_of(head_of(kMaxAnswerBytes)), Outcome::kAnswered);
  EXPECT_EQ(outcome_of(head_of(kMaxAnswerBytes + 1)), Outcome::kFailed);
}

TEST(HttpExchange, WhatCameBeforeCountsToTheLimit) {
  HttpExchange exchange({}, kAuthority);
  EXPECT_FALSE(exchange.take("HTTP/1.1 200 OK\r\nX-Filler: "));
  const auto verdict = exchange.take(std::string(kMaxAnswerBytes - 27, 'x') + "\r\n\r\n");
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->outcome, Outcome::kFailed);
}

TEST(HttpExchange, SaysWhatItWants) {
  HttpRule rule;
  rule.path = "/health?deep=1";
  EXPECT_EQ(request_of(rule),
            "GET /health?deep=1 HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: callbook-probe\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n");
  rule.method = "PUT";
  rule.host = "shop.example";
  rule.headers = {{"accept", "text/plain"}, {"X-Key", "a b"}, {"user-agent", "me"}};
  EXPECT_EQ(request_of(rule),
            "PUT /health?deep=1 HTTP/1.1\r\nHost: shop.example\r\naccept: text/plain\r\n"
            "X-Key: a b\r\nuser-agent: me\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  rule = {};
  rule.method = "HEAD";
  rule.headers = {{"Host", "other.example"}};
  EXPECT_EQ(request_of(rule),
            "HEAD / HTTP/1.1\r\nUser-Agent: callbook-probe\r\nAccept: */*\r\n"
            "Host: other.example\r\nConnection: close\r\n\r\n");
}

TEST(HttpExchange, AsksForNothingThatIsNoRequest) {
  const auto with_path = [](std::string path) {
    HttpRule rule;
    rule.path = std::move(path);
    return fault_of(rule);
  };
  for (const char* path : {"", "health", "/a b", "/\r\nX-Injected: 1", "/\x7F", "/\xC3\xA4"}) {
    EXPECT_NE(with_path(path), "") << path;
  }
  EXPECT_NE(with_path("/" + std::string(kMaxPathBytes, 'p')), "");
  EXPECT_EQ(with_path("/" + std::string(kMaxPathBytes - 1, 'p')), "");
  const auto with_header = [](std::string name, std::string value) {
    HttpRule rule;
    rule.headers = {{std::move(name), std::move(value)}};
    return fault_of(rule);
  };
  EXPECT_EQ(with_header("X-Key", "text \xC3\xA4\tmore"), "");
  EXPECT_NE(with_header("", "v"), "");
  EXPECT_NE(with_header("X Key", "v"), "");
  EXPECT_NE(with_header("X-Key:", "v"), "");
  EXPECT_NE(with_header("X-Key", "a\r\nX-Injected: 1"), "");
  EXPECT_NE(with_header("X-Key", std::string("\0", 1)), "");
  for (const char* own : {"content-length", "Transfer-Encoding", "CONNECTION", "Expect"}) {
    EXPECT_NE(with_header(own, "1"), "") << own;
  }
  HttpRule rule;
  rule.method = "DELETE";
  EXPECT_NE(fault_of(rule), "");
  rule = {};
  rule.host = "a\r\nb";
  EXPECT_NE(fault_of(rule), "");
  rule = {};
  rule.headers.assign(kMaxHeaders + 1, {"X", "v"});
  EXPECT_NE(fault_of(rule), "");
}

}  // namespace
}  // namespace callbook::probe
