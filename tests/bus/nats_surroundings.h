#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "bus/nats/options.h"
#include "tests/bus/nats_server.h"
#include "tests/bus/surroundings.h"

namespace callbook::testing {

/// Nodes in this process, over real servers: one, or a cluster of three.
class NatsSurroundings final : public Surroundings {
 public:
  /// `more`: configuration of every server.
  NatsSurroundings(size_t servers, int64_t tied_age_ms, const std::string& more = "");
  ~NatsSurroundings() override;

  /// One server is killed. Three are frozen: no bus promises to survive the death of all at once,
  /// and 2.9.10 does not (docs/formats/bus.md).
  void take_away() override;
  void bring_back() override;
  void recreate(bus::Stream stream) override;
  size_t max_publications() const override { return options_.max_publications; }

  std::vector<std::unique_ptr<NatsServer>>& servers() { return servers_; }
  NatsServer& server_named(const std::string& name);
  /// For nodes that are added from now on.
  bus::nats::Options& options() { return options_; }
  Operator& an_operator();
  std::string stream_name(bus::Stream stream) const;
  int64_t now_ms() override;
  /// How many lines of the log of that node's bus have these words.
  size_t logged(size_t index, std::string_view words) { return journals_[index]->count(words); }

 protected:
  std::unique_ptr<bus::Bus> make_bus(size_t index) override;
  void step() override;

 private:
  /// What the bus of one node has to say, for who looks into a test that failed.
  class Journal final : public base::Logger {
   public:
    explicit Journal(std::string node) : node_(std::move(node)) {}
    void write(base::LogLevel level, std::string_view message) override;
    size_t count(std::string_view words);

   private:
    const std::string node_;
    std::mutex mutex_;
    std::vector<std::string> lines_;
  };

  void make_servers(size_t count, const std::string& more);
  /// Whether all have their ports.
  bool launch_servers();

  std::vector<std::unique_ptr<Journal>> journals_;
  bus::nats::Options options_;
  std::vector<std::unique_ptr<NatsServer>> servers_;
  std::unique_ptr<Operator> operator_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool awake_ = false;
};

}  // namespace callbook::testing
