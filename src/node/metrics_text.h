#pragma once

#include <string>

#include "base/time.h"
#include "core/front.h"
#include "node/board.h"

namespace callbook::node {

/// The board as Prometheus text (exposition format 0.0.4), and as the JSON of /v1/status, /v1/nodes
/// and /readyz.
std::string metrics_text(const Board::Snapshot& board, const core::NodeFacts& facts);
std::string status_json(const Board::Snapshot& board, const core::NodeFacts& facts, base::Now now);
std::string nodes_json(const Board::Snapshot& board, const core::NodeFacts& facts);
std::string readiness_json(const Board::Snapshot& board, bool ready);

}  // namespace callbook::node
