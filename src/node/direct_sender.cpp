#include "node/direct_sender.h"

#include "dialects/peer/direct_codec.h"
#include "dialects/peer/peer_dialect.h"

namespace callbook::node {
namespace {

constexpr int64_t kTimeoutMs = 2'000;
constexpr size_t kMostNodes = 256;

}  // namespace

void DirectSender::send(const Endpoint& node, const core::DirectBatch& batch) {
  using Outcome = core::SettleDirect::Outcome;
  if (lines_.size() > kMostNodes) rest();
  auto& line = lines_[to_text(node)];
  if (!line) line = std::make_unique<PeerLine>(loop_, node);
  core::SettleDirect settled{batch.to, batch.through, Outcome::kFailed};
  if (line->busy()) return settle_(settled);
  line->post(peer::PeerDialect::kRecordsPath, peer::encode_direct(cluster_, batch.records),
             kTimeoutMs, [this, settled](const base::Result<std::string>& body) mutable {
               const bool unknown = !body.ok() && body.error().code == base::ErrorCode::kNotFound;
               settled.outcome = body.ok() ? Outcome::kTaken
                                 : unknown ? Outcome::kUnknown
                                           : Outcome::kFailed;
               settle_(settled);
             });
}

}  // namespace callbook::node
