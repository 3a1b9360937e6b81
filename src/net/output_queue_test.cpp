#include "net/output_queue.h"

#include <array>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callbook::net {
namespace {

using Flush = OutputQueue::Flush;

class OutputQueueTest : public ::testing::Test {
 protected:
  OutputQueueTest() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0);
    ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
  }
  ~OutputQueueTest() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  std::string received() {
    std::string all;
    std::array<char, 65536> bytes;
    ssize_t count = 0;
    while ((count = ::recv(ends_[1], bytes.data(), bytes.size(), 0)) > 0) {
      all.append(bytes.data(), static_cast<size_t>(count));
    }
    return all;
  }
  std::array<int, 2> ends_{};
  OutputQueue queue_;
};

TEST_F(OutputQueueTest, KeepsTheOrderOfEveryKind) {
  const auto shared = std::make_shared<const std::string>("0123456789");
  const std::string large(10'000, 'L');
  queue_.append(std::string_view("a"));
  queue_.append_owned("b");
  queue_.append(shared, 2, 5);
  queue_.append_owned(large);
  queue_.append(std::string_view("c"));
  queue_.append(shared, 9, 10);
  EXPECT_EQ(queue_.unsent_bytes(), 10'007U);
  EXPECT_EQ(queue_.flush(ends_[0]), Flush::kDone);
  EXPECT_TRUE(received() == "ab234" + large + "c9");
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(shared.use_count(), 1) << "a piece that has been sent is still held";
}

TEST_F(OutputQueueTest, GoesOnWhereTheSocketStopped) {
  std::string expected;
  for (int i = 0; i < 400; ++i) {
    const std::string piece(5'000 + static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    expected += piece + "-";
    queue_.append(std::make_shared<const std::string>(piece), 0, piece.size());
    queue_.append(std::string_view("-"));
  }
  std::string all;
  Flush state = queue_.flush(ends_[0]);
  EXPECT_EQ(state, Flush::kBlocked);
  while (state == Flush::kBlocked) {
    all += received();
    queue_.append(std::string_view("."));  // more may be owed meanwhile
    expected += ".";
    state = queue_.flush(ends_[0]);
  }
  all += received();
  EXPECT_EQ(state, Flush::kDone);
  EXPECT_TRUE(all == expected);
  EXPECT_EQ(queue_.sent_bytes(), expected.size());
}

TEST_F(OutputQueueTest, SaysThatThePeerHasGone) {
  ::shutdown(ends_[1], SHUT_RDWR);
  queue_.append(std::string_view("x"));
  EXPECT_EQ(queue_.flush(ends_[0]), Flush::kFailed);
}

}  // namespace
}  // namespace callbook::net
