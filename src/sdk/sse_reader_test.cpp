#include "sdk/sse_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

using Events = std::vector<std::string>;  // "name|data|last id"

struct Collector {
  Events events;
  bool operator()(const ServerEvent& event) {
    events.push_back(std::string(event.name) + '|' + std::string(event.data) + '|' +
                     std::string(event.last_id));
    return true;
  }
};

Events read(std::string_view bytes, size_t piece) {
  SseReader reader;
  Collector collector;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    EXPECT_TRUE(reader.feed(bytes.substr(at, piece), std::ref(collector)).ok());
  }
  return collector.events;
}

TEST(SseReader, ReadsEventsHoweverTheyAreSplit) {
  struct Case {
    const char* name;
    std::string bytes;
    Events expected;
  };
  const Case cases[] = {
      {"one event", "event:delta\nid:k-1\ndata:{\"a\":1}\n\n", {"delta|{\"a\":1}|k-1"}},
      {"CRLF", "event: delta\r\ndata: x\r\n\r\ndata: y\r\n\r\n", {"delta|x|", "message|y|"}},
      {"lone CR", "event:a\rdata:x\r\rdata:y\r\r", {"a|x|", "message|y|"}},
      {"one space is dropped, more are not", "data:  x\n\n", {"message| x|"}},
      {"comments", ": ping\n\n:\n\ndata:x\n: in the middle\n\n", {"message|x|"}},
      {"lines of data", "data:a\ndata\ndata:b\n\n", {"message|a\n\nb|"}},
      {"no data, no event", "event:x\nid:7\n\ndata:y\n\n", {"message|y|7"}},
      {"the id stays",
       "id:1\ndata:a\n\ndata:b\n\nid\ndata:c\n\n",
       {"message|a|1", "message|b|1", "message|c|"}},
      {"an id with NUL is passed over", std::string("id:a\0b\ndata:x\n\n", 15), {"message|x|"}},
      {"unknown fields", "retry:100\nfoo:bar\nDATA:n\ndata:x\n\n", {"message|x|"}},
      {"byte order mark",
       "\xEF\xBB\xBF"
       "data:x\n\n",
       {"message|x|"}},
      {"an unfinished event is none", "data:x\n", {}},
      {"colons in data", "data:a:b: c\n\n", {"message|a:b: c|"}},
  };
  for (const Case& c : cases) {
    for (size_t piece = 1; piece <= c.bytes.size(); ++piece) {
      EXPECT_EQ(read(c.bytes, piece), c.expected) << c.name << " in pieces of " << piece;
    }
  }
}

TEST(SseReader, AnEventOverTheLimitIsAnErrorNotMemory) {
  for (const std::string& flood :
       {std::string("data:") + std::string(200, 'x'), std::string(200, 'x'),
        std::string(": ") + std::string(200, 'c'),
        std::string("data:0123456789\ndata:0123456789\ndata:") + std::string(80, 'y')}) {
    SseReader reader(100);
    Collector collector;
    const base::Status status = reader.feed(flood, std::ref(collector));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, base::ErrorCode::kLimit);
    EXPECT_EQ(status.error().limit, 100);
  }
}

TEST(SseReader, TheLimitIsPerEvent) {
  SseReader reader(100);
  Collector collector;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(reader.feed("data:0123456789012345678901234567890\n\n", std::ref(collector)).ok());
  }
  EXPECT_EQ(collector.events.size(), 50u);
}

TEST(SseReader, StopsWhenToldTo) {
  SseReader reader;
  int seen = 0;
  EXPECT_TRUE(reader
                  .feed("data:a\n\ndata:b\n\n",
                        [&](const ServerEvent&) {
                          ++seen;
                          return false;
                        })
                  .ok());
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace callbook::sdk
