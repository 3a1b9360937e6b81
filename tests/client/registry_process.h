#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

namespace callbook::testing {

/// A new directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A `callbook server` (CALLBOOK_BIN) over a directory of its own, on a port that it keeps.
class RegistryProcess {
 public:
  RegistryProcess() = default;
  ~RegistryProcess();
  RegistryProcess(const RegistryProcess&) = delete;
  RegistryProcess& operator=(const RegistryProcess&) = delete;

  /// Serves when this returns.
  void start();
  void kill9();
  void stop() const;  ///< SIGSTOP
  void go_on() const;

  /// Its answer to a request, head and all; empty if there is none.
  std::string ask(const std::string& method, const std::string& target,
                  const std::string& body = {}) const;

  uint16_t port() const { return port_; }
  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  const TemporaryDirectory directory_;
  uint16_t port_ = 0;
  pid_t pid_ = 0;
};

/// A `callbook register`: a provider in a process of its own.
class ProviderProcess {
 public:
  ProviderProcess() = default;
  ~ProviderProcess();
  ProviderProcess(const ProviderProcess&) = delete;
  ProviderProcess& operator=(const ProviderProcess&) = delete;

  /// Begins to register "orders/ID" at 127.0.0.1, with the shortest TTL.
  void start(const RegistryProcess& registry, const std::string& id, uint16_t port);
  void kill9();
  void stop() const;  ///< SIGSTOP
  void go_on() const;

  static constexpr int64_t kTtlMs = 1'000;

 private:
  pid_t pid_ = 0;
};

}  // namespace callbook::testing
