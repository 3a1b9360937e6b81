#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace callbook::core {

/// Who has reported which instance lately. Bounded; not thread-safe. Times are monotonic ms.
class Reports {
 public:
  /// Instances that may stand reported at once; more are not remembered.
  static constexpr size_t kMost = 10'000;

  /// Takes one in; returns how many different reporters there were within `within_ms`, itself
  /// counted.
  uint32_t add(uint32_t service, const std::string& id, uint64_t reporter, int64_t within_ms,
               int64_t now_ms) {
    if (reports_.size() >= kMost) forget_old(within_ms, now_ms);
    if (reports_.size() >= kMost) return 0;
    std::vector<Report>& reports = reports_[{service, id}];
    std::erase_if(reports, [&](const Report& report) {
      return report.reporter == reporter || now_ms - report.at_ms > within_ms;
    });
    if (reports.size() < kMostOfOne) reports.push_back({reporter, now_ms});
    return static_cast<uint32_t>(reports.size());
  }
  void forget(uint32_t service, const std::string& id) { reports_.erase({service, id}); }

 private:
  static constexpr size_t kMostOfOne = 1'000;
  struct Report {
    uint64_t reporter;
    int64_t at_ms;
  };

  void forget_old(int64_t within_ms, int64_t now_ms) {
    std::erase_if(reports_, [&](const auto& entry) {
      return entry.second.empty() || now_ms - entry.second.back().at_ms > within_ms;
    });
  }

  std::map<std::pair<uint32_t, std::string>, std::vector<Report>> reports_;
};

}  // namespace callbook::core
