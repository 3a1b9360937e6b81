#include "cli/checks_text.h"

#include <gtest/gtest.h>

namespace callbook::cli {
namespace {

TEST(ChecksText, ShowsResultsAndWhereTheOthersAre) {
  const auto page = read_checks_page(
      R"({"service":"orders","checks":[
          {"id":"o-1","name":"web","kind":"http","target":"10.0.0.7:8081/h","status":"failing",
           "output":"HTTP 503","checked_ms_ago":812,"elapsed_ms":3,"failures":4,"home":"reg-1"},
          {"id":"o-1","name":"db","kind":"tcp","target":"10.0.0.7:1","status":"passing",
           "output":"connected","checked_ms_ago":7200000,"elapsed_ms":0,"failures":0,
           "home":"reg-1"},
          {"id":"o-22","name":"check","kind":"udp","target":"[::1]:53","status":"unknown",
           "home":"reg-2"}],"next":"o-22"})");
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->next, "o-22");
  EXPECT_EQ(page->documents[2], R"({"id":"o-22","name":"check","kind":"udp","target":"[::1]:53",)"
                                R"("status":"unknown","home":"reg-2"})");
  EXPECT_EQ(checks_text(*page),
            "INSTANCE  CHECK  KIND  TARGET           STATUS   AGE      OUTPUT\n"
            "o-1       web    http  10.0.0.7:8081/h  failing  812 ms   HTTP 503\n"
            "o-1       db     tcp   10.0.0.7:1       passing  120 min  connected\n"
            "o-22      check  udp   [::1]:53         unknown  -        (home reg-2)\n");
}

TEST(ChecksText, WhatIsNoListOfChecksIsRefused) {
  for (const char* json : {"", "[]", "{}", R"({"checks":{}})", R"({"checks":[7]})"}) {
    EXPECT_FALSE(read_checks_page(json).ok()) << json;
  }
}

}  // namespace
}  // namespace callbook::cli
