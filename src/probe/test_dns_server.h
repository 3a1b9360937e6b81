#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace callbook::probe {

/// A DNS server on a UDP port of 127.0.0.1, or another loopback address, on a thread of its own:
/// answers for the names that it is told, and for all others that there is no such name.
class TestDnsServer {
 public:
  struct Zone {
    std::vector<std::string> addresses = {};  ///< IPv4 and IPv6
    uint32_t ttl_s = 60;
    int rcode = 0;         ///< 2: SERVFAIL, 3: NXDOMAIN
    bool mute = false;     ///< never answered
    std::string alias = {};  ///< a CNAME of this TTL goes before the addresses
    uint32_t alias_ttl_s = 60;
  };

  explicit TestDnsServer(const std::string& address = "127.0.0.1", uint16_t port = 0);
  ~TestDnsServer();
  TestDnsServer(const TestDnsServer&) = delete;
  TestDnsServer& operator=(const TestDnsServer&) = delete;

  void set(const std::string& name, Zone zone);
  /// Answers nothing at all any more, or again.
  void set_mute(bool mute) { mute_ = mute; }

  uint16_t port() const { return port_; }
  std::string endpoint() const;
  /// Questions for IPv4 addresses of `name`.
  int asked(const std::string& name) const;

 private:
  void run();
  std::string answer(const std::string& query);

  const std::string address_;
  int socket_ = -1;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Zone> zones_;  // guarded by mutex_
  std::map<std::string, int> asked_;   // guarded by mutex_
  std::atomic<bool> mute_{false};
  std::thread thread_;
};

}  // namespace callbook::probe
