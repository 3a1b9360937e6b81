#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/request_loop.h"

namespace callbook::load {

/// {"operations":…,"seconds":…,"per_second":…,"server_cpu_us":… per operation}
std::string to_json(const LoopResult& result);

/// The nearest-rank percentile; sorts a copy. REQUIRES samples.
double percentile(std::vector<double> samples, double percent);

inline double to_ms(int64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

}  // namespace callbook::load
