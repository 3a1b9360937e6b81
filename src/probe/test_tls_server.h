#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace callbook::probe {

/// An authority made for a test, and the certificates that it signs. Files in the test's folder.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  struct Certificate {
    std::string certificate_file;
    std::string key_file;
  };
  /// `names` as OpenSSL writes them: "DNS:shop.example,IP:127.0.0.1". `days` below 0: it has expired.
  Certificate sign(const std::string& names, int days = 30) const;
  const std::string& file() const { return file_; }  ///< its own certificate, PEM

 private:
  struct Key;
  std::unique_ptr<Key> key_;
  std::string file_;
};

/// A TLS server on a port of 127.0.0.1, on a thread of its own: takes one connection after another,
/// and hands what it reads to `answer`, as a text, until that gives something to send.
class TestTlsServer {
 public:
  struct Options {
    TestAuthority::Certificate certificate;
    std::string protocol = {};  ///< chosen by ALPN where it is offered; empty: none
    std::function<std::string(const std::string& request)> answer;
    int most_version = 0;  ///< of TLS, as OpenSSL numbers it; 0: the latest
  };
  explicit TestTlsServer(Options options);
  ~TestTlsServer();
  TestTlsServer(const TestTlsServer&) = delete;
  TestTlsServer& operator=(const TestTlsServer&) = delete;

  uint16_t port() const { return port_; }
  /// The name that the latest client asked for (SNI); call it after its answer.
  const std::string& asked_name() const { return asked_name_; }

 private:
  void run();
  void serve(int socket);

  const Options options_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::string asked_name_;
  std::thread thread_;
};

}  // namespace callbook::probe
