#include "dialects/peer/report_codec.h"

#include "dialects/peer/list_codec.h"

namespace callbook::peer {

std::string encode_reports(const std::vector<ReportItem>& reports) {
  return encode_list(reports, [](std::string& out, const ReportItem& report) {
    base::put_string(out, report.instance.service.space);
    base::put_string(out, report.instance.service.name);
    base::put_string(out, report.instance.id);
    base::put_string(out, report.by);
  });
}

base::Result<std::vector<ReportItem>> decode_reports(std::string_view bytes) {
  return decode_list<ReportItem>("report", bytes, kMaxReports,
                                 [](base::ByteReader& reader, ReportItem& report) -> base::Status {
                                   report.instance.service.space = reader.string();
                                   report.instance.service.name = reader.string();
                                   report.instance.id = reader.string();
                                   report.by = reader.string();
                                   return {};
                                 });
}

}  // namespace callbook::peer
