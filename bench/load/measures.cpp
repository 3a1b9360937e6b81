#include "load/measures.h"

#include <algorithm>
#include <cmath>

#include "load/fail.h"

namespace callbook::load {

std::string to_json(const LoopResult& result) {
  if (result.operations == 0 || result.elapsed_ns <= 0) fail("nothing was measured");
  const auto operations = static_cast<double>(result.operations);
  const double seconds = static_cast<double>(result.elapsed_ns) / 1e9;
  return fmt::format(
      R"({{"operations":{},"seconds":{:.4f},"per_second":{:.1f},"server_cpu_us":{:.3f}}})",
      result.operations, seconds, operations / seconds,
      static_cast<double>(result.server_cpu_ns) / 1e3 / operations);
}

double percentile(std::vector<double> samples, double percent) {
  if (samples.empty()) fail("no samples");
  std::sort(samples.begin(), samples.end());
  const double rank = std::ceil(percent / 100 * static_cast<double>(samples.size()));
  return samples[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

}  // namespace callbook::load
