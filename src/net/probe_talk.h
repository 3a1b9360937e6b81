#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace callbook::net {

/// What came of a probe.
enum class ProbeOutcome : uint8_t {
  kAnswered,  ///< the connection was made; if something was to be said over it, the answer was right
  kRefused,   ///< ECONNREFUSED
  kSilent,    ///< nothing within the time-out, or no host there (EHOSTUNREACH)
  kFailed,    ///< the host was there, but its answer was wrong, or the connection was broken off
  kUntested   ///< this host could not ask, or the target is none that may be asked
};

/// An outcome, and why, for people.
struct ProbeVerdict {
  ProbeOutcome outcome = ProbeOutcome::kUntested;
  uint16_t status = 0;  ///< of an HTTP answer; 0: there was none
  std::string text;     ///< printable ASCII, of one line: "HTTP 503 Service Unavailable"
};

/// What is said over the socket of one probe, once it is there. Lives on the prober's thread. The
/// prober owns the socket and closes it after the verdict.
class ProbeTalk {
 public:
  virtual ~ProbeTalk() = default;

  /// The socket may have become readable or writable: called once when it is connected, and then
  /// for each edge, so it must read and write until EAGAIN. None: more has to come.
  virtual std::optional<ProbeVerdict> proceed(int socket) = 0;
  /// The time-out is over.
  virtual ProbeVerdict timed_out(int64_t timeout_ms) const = 0;
};

/// What an errno says of a connection, or a datagram, to which nothing has answered yet.
ProbeVerdict unconnected(int error);
/// The same of a connection that had been made.
ProbeVerdict broken_off(int error);

}  // namespace callbook::net
