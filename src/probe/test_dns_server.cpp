#include "probe/test_dns_server.h"

#include <array>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callbook::probe {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr uint16_t kTypeA = 1;
constexpr uint16_t kTypeCname = 5;
constexpr uint16_t kTypeAaaa = 28;

void put16(std::string& out, uint32_t value) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}

void put32(std::string& out, uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xFFFF);
}

void put_name(std::string& out, const std::string& name) {
  size_t begin = 0;
  while (begin < name.size()) {
    const size_t end = std::min(name.find('.', begin), name.size());
    out.push_back(static_cast<char>(end - begin));
    out.append(name, begin, end - begin);
    begin = end + 1;
  }
  out.push_back('\0');
}

std::string bytes_of(const std::string& address, uint16_t type) {
  std::array<char, 16> bytes{};
  const int family = type == kTypeA ? AF_INET : AF_INET6;
  if (::inet_pton(family, address.c_str(), bytes.data()) != 1) return {};
  return {bytes.data(), type == kTypeA ? size_t{4} : size_t{16}};
}

}  // namespace

TestDnsServer::TestDnsServer(const std::string& address, uint16_t port)
    : address_(address), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &own.sin_addr), 1);
  socklen_t length = sizeof own;
  EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&own), length), 0);
  EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &length), 0);
  port_ = ntohs(own.sin_port);
  thread_ = std::thread([this] { run(); });
}

TestDnsServer::~TestDnsServer() {
  ::shutdown(socket_, SHUT_RDWR);  // wakes the thread, though it is no connection
  thread_.join();
  ::close(socket_);
}

void TestDnsServer::set(const std::string& name, Zone zone) {
  const std::lock_guard lock(mutex_);
  zones_[name] = std::move(zone);
}

std::string TestDnsServer::endpoint() const {
  return address_ + ":" + std::to_string(port_);
}

int TestDnsServer::asked(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = asked_.find(name);
  return found == asked_.end() ? 0 : found->second;
}

void TestDnsServer::run() {
  std::array<char, 1'500> buffer;
  for (;;) {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t count = ::recvfrom(socket_, buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &length);
    if (count <= 0) return;
    const std::string out = answer({buffer.data(), static_cast<size_t>(count)});
    if (out.empty() || mute_) continue;
    ::sendto(socket_, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
  }
}

/// Empty: nothing is to be said.
std::string TestDnsServer::answer(const std::string& query) {
  std::string name;
  size_t at = kHeaderBytes;
  while (at < query.size() && query[at] != '\0') {
    const auto label = static_cast<uint8_t>(query[at]);
    if (!name.empty()) name.push_back('.');
    name.append(query, at + 1, label);
    at += 1 + size_t{label};
  }
  if (at + 5 > query.size()) return {};
  const auto type = static_cast<uint16_t>(static_cast<uint8_t>(query[at + 1]) << 8 |
                                          static_cast<uint8_t>(query[at + 2]));
  const std::string question = query.substr(kHeaderBytes, at + 5 - kHeaderBytes);
  const std::lock_guard lock(mutex_);
  if (type == kTypeA) ++asked_[name];
  const auto found = zones_.find(name);
  const Zone zone = found == zones_.end() ? Zone{.rcode = 3} : found->second;
  if (zone.mute) return {};

  std::string records;
  uint32_t count = 0;
  const auto add = [&](uint16_t kind, uint32_t ttl_s, const std::string& data) {
    put_name(records, kind == kTypeCname || zone.alias.empty() ? name : zone.alias);
    put16(records, kind);
    put16(records, 1);
    put32(records, ttl_s);
    put16(records, static_cast<uint32_t>(data.size()));
    records.append(data);
    ++count;
  };
  if (zone.rcode == 0 && !zone.alias.empty()) {
    std::string target;
    put_name(target, zone.alias);
    add(kTypeCname, zone.alias_ttl_s, target);
  }
  for (const std::string& address : zone.addresses) {
    const std::string bytes = type == kTypeA || type == kTypeAaaa ? bytes_of(address, type) : "";
    if (!bytes.empty()) add(type, zone.ttl_s, bytes);
  }
  std::string out = query.substr(0, 2);
  put16(out, 0x8180U | static_cast<uint32_t>(zone.rcode));
  put16(out, 1);
  put16(out, count);
  put32(out, 0);
  return out + question + records;
}

}  // namespace callbook::probe
