#pragma once

#include <string>

namespace callbook::sdk {

/// 32 hexadecimal digits that stand for this run of this process: random, made once, the same for
/// all clients in it. A child that was forked has one of its own. Thread-safe, also around a fork.
/// The registry knows by it that a new session is not a new process (docs/native-api.md,
/// "Sessions").
const std::string& process_id();

}  // namespace callbook::sdk
