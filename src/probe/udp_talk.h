#pragma once

#include <optional>
#include <string>

#include "net/probe_talk.h"
#include "probe/request.h"

namespace callbook::probe {

/// One datagram, and whatever comes back to it.
class UdpTalk final : public net::ProbeTalk {
 public:
  explicit UdpTalk(UdpRule rule) : rule_(std::move(rule)) {}

  std::optional<net::ProbeVerdict> proceed(int socket) override;
  net::ProbeVerdict timed_out(int64_t timeout_ms) const override;

 private:
  const UdpRule rule_;
  bool sent_ = false;
};

}  // namespace callbook::probe
