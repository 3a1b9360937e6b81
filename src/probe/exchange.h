#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/probe_talk.h"

namespace callbook::probe {

/// What is said over one connection, as bytes alone: it knows no socket and no TLS, so that tests
/// and fuzzing can be the other end.
class Exchange {
 public:
  virtual ~Exchange() = default;

  /// What is to be sent next; empty: nothing now.
  virtual std::string to_send() = 0;
  /// Takes what came, in whatever pieces. The verdict once there is one; then it is over.
  virtual std::optional<net::ProbeVerdict> take(std::string_view bytes) = 0;
  /// The other end has closed before there was one.
  virtual net::ProbeVerdict closed() const = 0;
};

}  // namespace callbook::probe
