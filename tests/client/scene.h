#pragma once

// What tests of the client library with real registries have in common.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "callbook/client.h"
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/client/registry_process.h"

namespace callbook::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr seconds kSoon{20};

/// Looks again at each change of the service, and now and then, until `holds()`.
inline bool until(const Service& service, const std::function<bool()>& holds) {
  std::mutex mutex;
  std::condition_variable changed;
  const auto subscription = service.on_change([&](const Service&) {
    const std::lock_guard<std::mutex> lock(mutex);
    changed.notify_all();
  });
  const auto end = std::chrono::steady_clock::now() + kSoon;
  std::unique_lock<std::mutex> lock(mutex);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    changed.wait_for(lock, milliseconds(20));
  }
  return true;
}

/// A port that listens, as a provider's does.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 4'000), 0);  // nobody accepts: the kernel alone answers
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  uint16_t port() const { return port_; }

 private:
  int socket_;
  uint16_t port_ = 0;
};

inline RegistrationOptions orders(const std::string& id, uint16_t port) {
  RegistrationOptions options;
  options.service = "orders";
  options.instance.id = id;
  options.instance.port = port;
  return options;
}

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override { registry.start(); }
  ClientOptions options(const std::string& cache = {}) {
    ClientOptions made;
    made.registry = registry.endpoint();
    made.cache_directory = cache;
    made.log = [this](const std::string& message) {
      const std::lock_guard<std::mutex> lock(mutex);
      logged += message + "\n";
    };
    return made;
  }
  std::string log() {
    const std::lock_guard<std::mutex> lock(mutex);
    return logged;
  }

  std::mutex mutex;
  std::string logged;
  RegistryProcess registry;
};

}  // namespace callbook::testing
