#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace callbook::peer {

// How a node that starts asks another whether a third one has its name (docs/formats/bus.md,
// "Names").

struct BearerQuestion {
  std::string name;   ///< of the node that asks
  uint64_t boot = 0;  ///< likewise: its own cards are not meant
};

/// Cards as their nodes sent them last.
struct BearerAnswer {
  std::string own;                   ///< of the node that answers; empty: it has none yet
  std::vector<std::string> bearers;  ///< heard of nodes with that name, or its id, and other boots
};

inline constexpr size_t kMaxBearers = 8;

std::string encode_bearer_question(const BearerQuestion& question);
/// kCorrupt for what no release of this format writes.
base::Result<BearerQuestion> decode_bearer_question(std::string_view bytes);

std::string encode_bearer_answer(const BearerAnswer& answer);
/// kCorrupt for what no release of this format writes, kLimit for more than kMaxBearers. What
/// follows the known fields is ignored.
base::Result<BearerAnswer> decode_bearer_answer(std::string_view bytes);

}  // namespace callbook::peer
