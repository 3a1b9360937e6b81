#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace callbook::peer {

/// What a node tells the others of itself, once a second (docs/formats/bus.md, "Beat"): core's
/// beat, and what only those around core know.
struct NodeCard {
  std::string beat;      ///< core::encode_beat()
  std::string cluster;   ///< whose node it is: DATACENTER/CLUSTER
  std::string http;      ///< "10.0.0.1:7070": where clients and other nodes reach it
  std::string release;   ///< of the software
  uint32_t clients = 0;  ///< open connections
  uint32_t sessions = 0;
  uint32_t instances = 0;
  uint32_t owed = 0;     ///< records that it still owes the bus
  bool stale = false;    ///< serves its own disk's state
  bool leaving = false;  ///< sends its clients elsewhere: it is about to stop
};

inline constexpr size_t kMaxCardBytes = 16 * 1024;

std::string encode_card(const NodeCard& card);
/// kCorrupt for anything that no release of the same format writes. What follows the known fields
/// is ignored: a later release may say more.
base::Result<NodeCard> decode_card(std::string_view bytes);

}  // namespace callbook::peer
