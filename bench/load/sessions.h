#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/poller.h"
#include "load/request_loop.h"

namespace callbook::load {

/// Opens `count` sessions with a TTL that outlasts the bench, unless `ttl_ms` says otherwise.
std::vector<std::string> open_sessions(uint16_t port, size_t count, const Deadline& deadline,
                                       int64_t ttl_ms = 3'600'000);

/// Closes them, pipelined on `connections`, and returns how many instances left with them by the
/// server's account.
uint64_t close_sessions(uint16_t port, const std::vector<std::string>& sessions, size_t connections,
                        const Deadline& deadline);

}  // namespace callbook::load
