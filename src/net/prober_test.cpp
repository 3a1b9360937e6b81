#include "net/prober.h"

#include <optional>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callbook::net {
namespace {

/// A port of 127.0.0.1: listening, or bound without listening, so that nobody else gets it.
class Port {
 public:
  explicit Port(bool listens) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    if (listens) {
      EXPECT_EQ(::listen(socket_, 1'024), 0);  // nobody takes them in
    }
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    number_ = ntohs(address.sin_port);
  }
  ~Port() { ::close(socket_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  uint16_t number() const { return number_; }

 private:
  int socket_;
  uint16_t number_ = 0;
};

std::vector<ProbeOutcome> probe_all(ProbeLimits limits,
                                    const std::vector<std::pair<std::string, uint16_t>>& targets) {
  EventLoop loop;
  std::vector<ProbeOutcome> outcomes(targets.size());
  size_t left = targets.size();
  std::optional<Prober> prober;
  loop.post([&] {
    prober.emplace(loop, limits);
    for (size_t i = 0; i < targets.size(); ++i) {
      prober->probe(targets[i].first, targets[i].second, 2'000, [&, i](ProbeOutcome outcome) {
        outcomes[i] = outcome;
        if (--left == 0) loop.stop();
      });
    }
  });
  loop.run();
  return outcomes;
}

TEST(Prober, TellsWhoAnswersFromWhoRefuses) {
  const Port open(true);
  const Port shut(false);
  const auto outcomes =
      probe_all({}, {{"127.0.0.1", open.number()}, {"127.0.0.1", shut.number()}, {"::1", 0}});
  EXPECT_EQ(outcomes[0], ProbeOutcome::kAnswered);
  EXPECT_EQ(outcomes[1], ProbeOutcome::kRefused);
  EXPECT_EQ(outcomes[2], ProbeOutcome::kUntested);
}

TEST(Prober, WhoeverHasNoPlaceWaits) {
  const Port open(true);
  const std::vector<std::pair<std::string, uint16_t>> targets(200, {"127.0.0.1", open.number()});
  for (const ProbeOutcome outcome : probe_all({8, 2, 1'000}, targets)) {
    EXPECT_EQ(outcome, ProbeOutcome::kAnswered);
  }
}

TEST(Prober, AFullListenQueueIsSilence) {
  // A listener that accepts nothing, with room for one: the kernel drops what comes then.
  const Port open(true);
  const int backlog_of_one = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(backlog_of_one, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(backlog_of_one, 0), 0);
  ASSERT_EQ(::getsockname(backlog_of_one, reinterpret_cast<sockaddr*>(&address), &length), 0);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    static_cast<void>(::connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), length));
  }
  const auto outcomes = probe_all({}, {{"127.0.0.1", ntohs(address.sin_port)}});
  EXPECT_EQ(outcomes[0], ProbeOutcome::kSilent);
  for (const int filler : fillers) ::close(filler);
  ::close(backlog_of_one);
}

TEST(Prober, AsksNobodyWhoIsNotAHostOfItsOwn) {
  for (const char* address :
       {"169.254.169.254", "169.254.1.1", "fe80::1", "::ffff:169.254.169.254", "fd00:ec2::254",
        "100.100.100.200", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "localhost",
        "orders.internal", "", "10.0.0.1:80", "0x7f000001"}) {
    EXPECT_FALSE(may_probe(address)) << address;
  }
  for (const char* address :
       {"127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1", "8.8.8.8"}) {
    EXPECT_TRUE(may_probe(address)) << address;
  }
}

}  // namespace
}  // namespace callbook::net
