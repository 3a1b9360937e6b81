// Against frames written by hand; tests/probe_grpc has real servers.
#include "probe/grpc_exchange.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace callbook::probe {
namespace {

using Outcome = net::ProbeOutcome;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr char kEndStream = 1;
constexpr char kEndHeaders = 4;

std::string frame(char type, char flags, uint8_t stream, const std::string& payload) {
  std::string out;
  for (int shift = 16; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(payload.size() >> shift));
  }
  out.push_back(type);
  out.push_back(flags);
  out.append(3, '\0');
  out.push_back(static_cast<char>(stream));
  return out + payload;
}

const std::string kSettings = frame(4, 0, 0, "");

/// HPACK without any index.
std::string headers(const Fields& fields, bool end) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block.push_back('\0');
    block.push_back(static_cast<char>(name.size()));
    block.append(name);
    block.push_back(static_cast<char>(value.size()));
    block.append(value);
  }
  return frame(1, static_cast<char>(kEndHeaders | (end ? kEndStream : 0)), 1, block);
}

std::string data(const std::string& bytes, bool end = false) {
  return frame(0, end ? kEndStream : '\0', 1, bytes);
}

std::string message(char status) {
  return std::string("\0\0\0\0\x02\x08", 6) + status;
}

const Fields kAccepted = {{":status", "200"}, {"content-type", "application/grpc"}};
const Fields kOk = {{"grpc-status", "0"}};

net::ProbeVerdict verdict_of(const std::string& answer) {
  GrpcExchange exchange({"orders"}, "10.0.0.1:50051", false);
  EXPECT_FALSE(exchange.to_send().empty());
  const auto verdict = exchange.take(answer);
  return verdict ? *verdict : exchange.closed();
}

std::string text_of(const std::string& answer) {
  const net::ProbeVerdict verdict = verdict_of(answer);
  EXPECT_EQ(verdict.outcome == Outcome::kAnswered, verdict.text == "gRPC SERVING") << verdict.text;
  EXPECT_NE(verdict.outcome, Outcome::kUntested);
  return verdict.text;
}

TEST(GrpcExchange, BeginsAsHttp2ByPriorKnowledge) {
  GrpcExchange exchange({"orders"}, "10.0.0.1:50051", false);
  const std::string sent = exchange.to_send();
  EXPECT_EQ(sent.rfind("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0), 0U);
  EXPECT_NE(sent.find(std::string("\0\0\0\0\x08\x0A\x06orders", 13)), std::string::npos);
  EXPECT_EQ(exchange.to_send(), "");
}

TEST(GrpcExchange, OnlyServingPasses) {
  const auto said = [](char status) {
    return text_of(kSettings + headers(kAccepted, false) + data(message(status)) +
                   headers(kOk, true));
  };
  EXPECT_EQ(said(1), "gRPC SERVING");
  EXPECT_EQ(said(0), "gRPC UNKNOWN");
  EXPECT_EQ(said(2), "gRPC NOT_SERVING");
  EXPECT_EQ(said(3), "gRPC SERVICE_UNKNOWN");
  EXPECT_EQ(said(4), "the answer is no HealthCheckResponse");
}

TEST(GrpcExchange, AnAnswerThatComesInPiecesIsOne) {
  const std::string answer = kSettings + headers(kAccepted, false) + data(message(1).substr(0, 3)) +
                             data(message(1).substr(3)) + headers(kOk, true);
  GrpcExchange exchange({}, "10.0.0.1:50051", true);
  exchange.to_send();
  for (size_t i = 0; i + 1 < answer.size(); ++i) {
    ASSERT_FALSE(exchange.take(answer.substr(i, 1))) << i;
    exchange.to_send();
  }
  const auto verdict = exchange.take(answer.substr(answer.size() - 1));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->outcome, Outcome::kAnswered);
}

TEST(GrpcExchange, ACallThatFailsSaysWhy) {
  const auto failed = [](const std::string& code) {
    Fields fields = kAccepted;
    fields.emplace_back("grpc-status", code);
    fields.emplace_back("grpc-message", "secret");
    return text_of(kSettings + headers(fields, true));
  };
  EXPECT_EQ(failed("12"), "gRPC UNIMPLEMENTED");
  EXPECT_EQ(failed("5"), "gRPC NOT_FOUND");
  EXPECT_EQ(failed("99"), "gRPC status 99");
  EXPECT_EQ(failed("x"), "gRPC UNKNOWN");
}

TEST(GrpcExchange, HttpThatIsNoGrpcHasFailed) {
  const net::ProbeVerdict busy = verdict_of(kSettings + headers({{":status", "503"}}, true));
  EXPECT_EQ(busy.text, "HTTP 503 Service Unavailable");
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(text_of(kSettings + headers({{":status", "200"}}, false) + data("hello", true)),
            "the answer is not gRPC");
}

TEST(GrpcExchange, AMessageBeyondReasonIsNone) {
  std::string answer = kSettings + headers(kAccepted, false);
  for (int i = 0; i < 10; ++i) answer += data(std::string(1'000, 'x'));
  EXPECT_EQ(text_of(answer + headers(kOk, true)), "the answer is no HealthCheckResponse");
}

TEST(GrpcExchange, WhatIsNoHttp2IsSaid) {
  EXPECT_EQ(text_of("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
            "the answer is not HTTP/2");
  EXPECT_EQ(text_of(headers(kAccepted, false)), "the answer is not HTTP/2") << "no settings first";
  EXPECT_EQ(text_of(""), "closed without an answer of HTTP/2");
}

TEST(GrpcExchange, AServerThatBreaksItOffHasFailed) {
  EXPECT_EQ(text_of(kSettings), "closed before the call was answered");
  const std::string reset = frame(3, 0, 1, std::string("\0\0\0\x07", 4));
  EXPECT_EQ(text_of(kSettings + reset), "the call was reset by the server");
  const std::string go_away = frame(7, 0, 0, std::string(8, '\0'));
  EXPECT_EQ(text_of(kSettings + go_away), "the call was reset by the server");
  EXPECT_EQ(text_of(kSettings + frame(1, kEndHeaders, 1, "\xFF\xFF\xFF\xFF\xFF\xFF")),
            "the server broke HTTP/2 off");
}

}  // namespace
}  // namespace callbook::probe
