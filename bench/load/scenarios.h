#pragma once

#include <string>

#include "load/options.h"
#include "load/poller.h"

namespace callbook::load {

/// A run against one server. Reads its options, checks every answer, and returns the measurements
/// as one JSON object. bench/README.md says what each measures.
using Scenario = std::string (*)(Options& options, const Deadline& deadline);

std::string run_registrations(Options& options, const Deadline& deadline);
std::string run_heartbeats(Options& options, const Deadline& deadline);
std::string run_batches(Options& options, const Deadline& deadline);
std::string run_fanout(Options& options, const Deadline& deadline);
std::string run_burst(Options& options, const Deadline& deadline);
std::string run_departure(Options& options, const Deadline& deadline);
std::string run_idle_watchers(Options& options, const Deadline& deadline);
std::string run_stalled_watchers(Options& options, const Deadline& deadline);
std::string run_reconnect(Options& options, const Deadline& deadline);

}  // namespace callbook::load
