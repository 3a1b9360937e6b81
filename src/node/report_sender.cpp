#include "node/report_sender.h"

#include <utility>

#include "dialects/peer/peer_dialect.h"

namespace callbook::node {
namespace {

constexpr int64_t kTimeoutMs = 2'000;
constexpr size_t kMostNodes = 256;

}  // namespace

void ReportSender::send(const Endpoint& home, peer::ReportItem report) {
  if (ways_.size() > kMostNodes) {
    std::erase_if(ways_, [](const auto& entry) { return !entry.second.line->busy(); });
  }
  const std::string name = to_text(home);
  Way& way = ways_[name];
  if (!way.line) way.line = std::make_unique<PeerLine>(loop_, home);
  if (way.waiting.size() < peer::kMaxReports) way.waiting.push_back(std::move(report));
  flush(name);
}

void ReportSender::flush(const std::string& home) {
  Way& way = ways_.at(home);
  if (way.line->busy() || way.waiting.empty()) return;
  way.line->post(peer::PeerDialect::kReportPath,
                 peer::encode_reports(std::exchange(way.waiting, {})), kTimeoutMs,
                 [this, home](const base::Result<std::string>&) { flush(home); });
}

}  // namespace callbook::node
