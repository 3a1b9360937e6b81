// Calls over plain HTTP to real servers: the guard at the provider's door, the retry at the caller.

#include "callbook/http.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "callbook/client.h"
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callbook::testing {
namespace {

using std::chrono::milliseconds;

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::string read_until(int socket, std::string_view end) {
  std::string text;
  char piece[1024];
  while (end.empty() || text.find(end) == std::string::npos) {
    const ssize_t read = ::recv(socket, piece, sizeof piece, 0);
    if (read <= 0) break;
    text.append(piece, static_cast<size_t>(read));
  }
  return text;
}

/// Serves one request after the other, each on a connection of its own.
class HttpProvider {
 public:
  /// `answer`: what its handler says, "200 OK"; empty: it hangs up instead.
  explicit HttpProvider(Guard guard, std::string answer = "200 OK")
      : guard_(std::move(guard)), answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 100), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~HttpProvider() {
    ::shutdown(listener_, SHUT_RDWR);  // ends accept()
    thread_.join();
    ::close(listener_);
  }
  HttpProvider(const HttpProvider&) = delete;
  HttpProvider& operator=(const HttpProvider&) = delete;

  Instance instance(const std::string& id) const {
    Instance made;
    made.id = id;
    made.address = "127.0.0.1";
    made.port = port_;
    return made;
  }
  int served() const { return served_.load(); }

 private:
  void run() {
    for (;;) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) return;
      // Without a request it was a probe of the client's.
      const bool whole = read_until(socket, "\r\n\r\n").find("\r\n\r\n") != std::string::npos;
      const std::string text = whole ? respond() : std::string();
      if (!text.empty()) {
        EXPECT_EQ(::send(socket, text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size()));
      }
      ::close(socket);
    }
  }

  std::string respond() {
    const Guard::Admission admission = guard_.admit("orders");
    if (!admission) {
      return "HTTP/1.1 " + std::to_string(kRefusalStatus) + " Service Unavailable\r\n" +
             std::string(kRefusalHeader) + ": " + std::string(name_of(*admission.refusal())) +
             "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    }
    ++served_;
    if (answer_.empty()) return {};
    return "HTTP/1.1 " + answer_ + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  }

  const Guard guard_;
  const std::string answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> served_{0};
  std::thread thread_;
};

std::string header_of(const std::string& text, std::string_view name) {
  const size_t at = text.find("\r\n" + std::string(name) + ": ");
  if (at == std::string::npos) return {};
  const size_t value = at + name.size() + 4;
  return text.substr(value, text.find("\r\n", value) - value);
}

/// What a caller over HTTP does in each attempt.
Outcome get(const Pick& pick, milliseconds timeout) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval time{};
  time.tv_sec = timeout.count() / 1'000;
  time.tv_usec = (timeout.count() % 1'000) * 1'000;
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  const sockaddr_in address = loopback(pick.instance().port);
  std::string text;
  const bool connected =
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (connected) {
    const std::string_view request = "GET /order HTTP/1.1\r\nHost: orders\r\n\r\n";
    ::send(socket, request.data(), request.size(), MSG_NOSIGNAL);
    text = read_until(socket, {});
  }
  ::close(socket);
  if (!connected) return Outcome::kNotSent;
  if (text.find("\r\n\r\n") == std::string::npos) return Outcome::kFailed;
  return outcome_of_http(std::stoi(text.substr(9, 3)), header_of(text, kRefusalHeader));
}

Guard ready_guard() {
  Guard guard({"orders"});
  guard.set_ready();
  return guard;
}

class HttpTest : public ::testing::Test {
 protected:
  Service service_of(std::vector<Instance> instances) {
    ServiceOptions options;
    options.fallback = std::move(instances);
    return client.service("orders", std::move(options));
  }
  /// Makes calls until one needed a second attempt, which at random takes a few.
  void expect_retry_elsewhere(const Service& service, const CallPolicy& policy) {
    for (int calls = 0; calls < 200; ++calls) {
      const CallResult result = call(service, policy, get);
      ASSERT_TRUE(result) << result.error;
      if (result.attempts == 2) return;
    }
    FAIL() << "no call needed a second attempt";
  }

  Client client{ClientOptions{.registry = "127.0.0.1:1"}};  // the list needs none
};

TEST_F(HttpTest, ARefusedCallGoesElsewhereWhateverItDoes) {
  Guard guard = ready_guard();
  guard.drain();
  const HttpProvider draining(guard);
  const HttpProvider serving(ready_guard());
  expect_retry_elsewhere(service_of({draining.instance("o-1"), serving.instance("o-2")}), {});
  EXPECT_EQ(draining.served(), 0);
  EXPECT_GE(serving.served(), 1);
}

TEST_F(HttpTest, ACallThatFoundAClosedPortGoesElsewhereWhateverItDoes) {
  const Instance closed = HttpProvider(ready_guard()).instance("o-1");
  const HttpProvider serving(ready_guard());
  expect_retry_elsewhere(service_of({closed, serving.instance("o-2")}), {});
}

TEST_F(HttpTest, WhatBrokeOffIsRepeatedOnlyIfThatDoesNoHarm) {
  const HttpProvider breaking(ready_guard(), "");
  const CallResult result = call(service_of({breaking.instance("o-1")}), {}, get);
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.attempts, 1u);
  EXPECT_EQ(breaking.served(), 1);

  const HttpProvider serving(ready_guard());
  CallPolicy idempotent;
  idempotent.idempotent = true;
  ServiceOptions options;
  options.name_space = "other";  // a service that this client does not follow yet
  options.fallback = {breaking.instance("o-1"), serving.instance("o-2")};
  expect_retry_elsewhere(client.service("orders", std::move(options)), idempotent);
}

TEST_F(HttpTest, A503OfTheHandlerIsAnAnswer) {
  const HttpProvider overloaded(ready_guard(), "503 Service Unavailable");
  const CallResult result = call(service_of({overloaded.instance("o-1")}), {}, get);
  EXPECT_TRUE(result);
  EXPECT_EQ(result.attempts, 1u);
  EXPECT_EQ(overloaded.served(), 1);
}

}  // namespace
}  // namespace callbook::testing
