#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nats/nats.h>
#include <sys/types.h>

namespace callbook::testing {

/// A directory that goes with the object.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A port of 127.0.0.1 that nobody listens on at the moment.
uint16_t free_port();

/// A real nats-server with JetStream (CALLBOOK_NATS_SERVER), on a port and over a directory that it
/// keeps from start to start. Killed with the object, and with the process of the test.
class NatsServer {
 public:
  struct Place {
    std::string name = "s1";
    uint16_t port = 0;
    uint16_t route_port = 0;            ///< 0: alone
    std::vector<uint16_t> route_ports;  ///< of all of the cluster
    std::string more;                   ///< further configuration: who may connect, TLS
  };

  explicit NatsServer(Place place);
  ~NatsServer();
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  /// Returns when the process runs; clients try until it listens.
  void start();
  void kill9();
  void stop() const;  ///< SIGSTOP
  void go_on() const;
  bool running() const { return pid_ != 0; }

  const std::string& name() const { return place_.name; }
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(place_.port); }
  const std::string& directory() const { return directory_.path(); }

 private:
  void write_configuration() const;

  Place place_;
  ScratchDirectory directory_;
  pid_t pid_ = 0;
};

/// An operator's connection. Waits for the servers as long as it takes, up to a minute a call.
class Operator {
 public:
  explicit Operator(const std::string& urls);
  ~Operator();
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  void delete_stream(const std::string& name);
  void add_stream(const std::string& name, const std::string& subject, int64_t per_subject);
  /// Name of the server that leads the stream; empty if there is none.
  std::string leader(const std::string& stream);
  /// Without an acknowledgement.
  void publish(const std::string& subject, const std::string& payload);

 private:
  natsConnection* connection_ = nullptr;
  jsCtx* context_ = nullptr;
};

}  // namespace callbook::testing
