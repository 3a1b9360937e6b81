#include "dialects/peer/report_codec.h"

#include "base/encoding.h"

namespace callbook::peer {
namespace {

constexpr uint8_t kFormat = 1;

base::Error malformed(std::string detail) {
  return {base::ErrorCode::kCorrupt, "report", std::move(detail), std::nullopt};
}

}  // namespace

std::string encode_reports(const std::vector<ReportItem>& reports) {
  std::string out;
  base::put_u8(out, kFormat);
  base::put_varint(out, reports.size());
  for (const ReportItem& report : reports) {
    base::put_string(out, report.instance.service.space);
    base::put_string(out, report.instance.service.name);
    base::put_string(out, report.instance.id);
    base::put_string(out, report.by);
  }
  return out;
}

base::Result<std::vector<ReportItem>> decode_reports(std::string_view bytes) {
  base::ByteReader reader(bytes);
  if (reader.u8() != kFormat) return malformed("has a format that this release does not read");
  const uint64_t count = reader.varint();
  if (count > kMaxReports) return base::over_limit("report", "holds too many", kMaxReports);
  std::vector<ReportItem> reports(count);
  for (ReportItem& report : reports) {
    report.instance.service.space = reader.string();
    report.instance.service.name = reader.string();
    report.instance.id = reader.string();
    report.by = reader.string();
  }
  if (!reader.ok() || !reader.at_end()) return malformed("is cut short, or goes on");
  return reports;
}

}  // namespace callbook::peer
