#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/key.h"

namespace callbook::peer {

/// A consumer's report of an instance, on its way to the instance's home (docs/formats/bus.md,
/// "Reports").
struct ReportItem {
  core::InstanceKey instance;
  std::string by;
};

inline constexpr size_t kMaxReports = 1'000;

std::string encode_reports(const std::vector<ReportItem>& reports);
/// kCorrupt for what no release of this format writes, kLimit for more than kMaxReports.
base::Result<std::vector<ReportItem>> decode_reports(std::string_view bytes);

}  // namespace callbook::peer
