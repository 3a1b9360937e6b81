#include "probe/udp_talk.h"

#include <cerrno>

#include <sys/socket.h>

namespace callbook::probe {

using net::ProbeOutcome;
using net::ProbeVerdict;

std::optional<ProbeVerdict> UdpTalk::proceed(int socket) {
  if (!sent_) {
    const ssize_t count =
        ::send(socket, rule_.payload.data(), rule_.payload.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) return std::nullopt;
    if (count < 0) return net::unconnected(errno);
    sent_ = true;
  }
  char byte = 0;
  const ssize_t count = ::recv(socket, &byte, 1, 0);
  if (count >= 0) return ProbeVerdict{ProbeOutcome::kAnswered, 0, "a datagram came back"};
  // ICMP's "port unreachable" comes as ECONNREFUSED.
  return errno == EAGAIN ? std::nullopt : std::optional(net::unconnected(errno));
}

ProbeVerdict UdpTalk::timed_out(int64_t timeout_ms) const {
  const std::string within = " within " + std::to_string(timeout_ms) + " ms";
  if (rule_.silence_passes) {
    return {ProbeOutcome::kAnswered, 0, "nothing came back, and no refusal," + within};
  }
  return {ProbeOutcome::kSilent, 0, "nothing came back" + within};
}

}  // namespace callbook::probe
