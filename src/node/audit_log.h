#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/time.h"
#include "node/audit_lines.h"

namespace callbook::node {

/// Decides which lines the log gets of who did what, and when: operators' acts at once, one line
/// each; what the registry does of its own accord, and operators' acts that are refused, within a
/// second: one line each up to kMostSingly of a kind and cause in that second, above that one line
/// for all; what providers do as a count once a second, or one by one at level debug.
///
/// Pure: events in, lines out, time as an input. What is told later bears the time at which it
/// happened, a sum that of its first event. Its memory is bounded by the number
/// of kinds and causes. Not thread-safe.
class AuditLog {
 public:
  static constexpr uint64_t kMostSingly = core::Incident::kMostNamed;
  static constexpr int64_t kWindowMs = 1'000;

  /// Lines below `least` are not made.
  explicit AuditLog(base::LogLevel least) : least_(least) {}

  /// An input, with what came of it. A provider's costs no more than a count unless `least` is
  /// below info.
  void note(const core::Input& input, const base::Result<core::Reply>& reply,
            const core::Caller& caller, base::Now now);
  /// What the registry did of its own accord; `caller`: whose input made it do so, if it was one's.
  void note(const core::Incidents& incidents, const core::Caller& caller, base::Now now);
  /// An operator's act that did not come as far as the registry.
  void note(const core::RefusedAct& refused, base::Now now);

  /// The lines that are due. Call it several times a second.
  std::vector<base::LogLine> take(int64_t now_ms);
  /// Those that are not due yet, too: nothing is to be lost at a stop.
  std::vector<base::LogLine> take_all(int64_t now_ms);

 private:
  /// Incidents of one kind and cause within a second.
  struct IncidentWindow {
    base::Now since;
    uint64_t count = 0;
    core::Incident sum;
    std::vector<base::LogLine> singly;  ///< of the first kMostSingly
  };
  /// Refusals with one error within a second.
  struct RefusalWindow {
    base::Now since;
    uint64_t count = 0;
    std::vector<base::LogLine> singly;
    std::vector<std::string> first;
  };

  void count(const core::Reply& reply);
  void close_windows(int64_t until_ms);
  void close_counts(int64_t now_ms);

  const base::LogLevel least_;
  ProviderCounts counts_;
  int64_t counted_since_ms_ = 0;
  std::map<std::pair<core::Incident::Kind, core::Cause>, IncidentWindow> incidents_;
  std::map<base::ErrorCode, RefusalWindow> refusals_;
  std::vector<base::LogLine> due_;
};

}  // namespace callbook::node
