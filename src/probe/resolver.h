#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/time.h"
#include "net/event_loop.h"
#include "probe/name_book.h"

namespace callbook::probe {

struct ResolverOptions {
  /// "HOST:PORT,…" by IP address, the port optional; empty: those of /etc/resolv.conf, which is
  /// read again when it has changed.
  std::string servers = {};
  int64_t longest_known_ms = 30'000;  ///< however long a record says that it holds
  // For tests.
  std::string resolv_conf = {};  ///< in place of /etc/resolv.conf
  uint16_t default_port = 0;     ///< of servers that are named without one; 0: 53
};

/// Looks host names up, in /etc/hosts and then by DNS, without ever blocking the loop for the
/// network (c-ares). Names that are asked for together are looked up once, and what is found is
/// known for a while (NameBook). Lives on `loop`'s thread.
class Resolver {
 public:
  using Done = std::function<void(const Lookup&)>;

  Resolver(net::EventLoop& loop, const base::Clock& clock, ResolverOptions options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Calls `done` once: at once if the name is known, else when it has been looked up, or when
  /// `patience_ms` are over (kNoAnswer, while the look-up goes on for those who ask later). Not
  /// after destruction. In doubt of the resolver (NameBook), a name without an answer, or without
  /// addresses, comes back as kNotAsked.
  void lookup(const std::string& name, int64_t patience_ms, Done done);

  struct Stats {
    uint64_t asked = 0;     ///< look-ups that were begun
    uint64_t answered = 0;  ///< of them, with addresses, or with the word that there are none
  };
  const Stats& stats() const;

  /// Why `servers` is none; empty: it can be used.
  static std::string fault_of(const std::string& servers);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace callbook::probe
