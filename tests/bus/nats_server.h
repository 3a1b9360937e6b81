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

/// A port of 127.0.0.1 that nobody listens on at the moment, and that the kernel gives to no
/// outgoing connection: it is still free when a server that was killed wants it back.
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

  /// Returns when the server takes connections; throws if it does not (see await_ready()).
  void start();
  /// Start in two steps, for servers that come up together.
  void launch();
  /// Whether the server takes connections, at clients' port and at the other servers'. False if
  /// somebody else has one of the ports. Throws with the end of the server's log if it has ended
  /// for another reason, or is not ready in time: no test can go on then.
  bool await_ready();
  void kill9();
  // Only while it does not run: a copy of all that it has stored, and back to that copy.
  void save_store() const;
  void restore_store() const;
  void stop() const;  ///< SIGSTOP
  void go_on() const;
  bool running() const { return pid_ != 0; }

  const std::string& name() const { return place_.name; }
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(place_.port); }
  const std::string& directory() const { return directory_.path(); }

 private:
  void write_configuration() const;
  std::string log_path() const { return directory() + "/log"; }
  /// What the process that was launched last has logged.
  std::string log() const;
  [[noreturn]] void give_up(const std::string& why) const;

  Place place_;
  ScratchDirectory directory_;
  pid_t pid_ = 0;
  size_t log_begin_ = 0;  ///< of the process that was launched last
};

/// An operator's connection. Waits for the servers as long as it takes, up to a minute a call;
/// a connection that is not there by then throws.
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
  /// The same, but empty while a replica of it lags or is away.
  std::string leader_of_current(const std::string& stream);
  /// Without an acknowledgement.
  void publish(const std::string& subject, const std::string& payload);

 private:
  natsConnection* connection_ = nullptr;
  jsCtx* context_ = nullptr;
};

}  // namespace callbook::testing
