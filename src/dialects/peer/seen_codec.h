#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/key.h"
#include "core/stamp.h"

namespace callbook::peer {

// What one node asks of another while somebody waits for `until=seen` (docs/formats/bus.md,
// "Seen").

/// Have those who watch this instance's service been sent it as it is at `stamp`, or later?
struct SeenItem {
  core::InstanceKey instance;
  core::Stamp stamp;
  bool of_override = false;  ///< the change is of what operators say of the instance
};

/// How many of the asked node's watchers have not been sent it; none: the change has not come
/// there.
using SeenAnswer = std::optional<uint64_t>;

inline constexpr size_t kMaxSeenItems = 1'000;

/// Format 1, which every release reads, if none is of an override; else format 2.
std::string encode_seen_items(const std::vector<SeenItem>& items);
/// kCorrupt for what no release of this format writes, kLimit for more than kMaxSeenItems.
base::Result<std::vector<SeenItem>> decode_seen_items(std::string_view bytes);

std::string encode_seen_answers(const std::vector<SeenAnswer>& answers);
/// kCorrupt unless these are `count` answers.
base::Result<std::vector<SeenAnswer>> decode_seen_answers(std::string_view bytes, size_t count);

}  // namespace callbook::peer
