#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/siphash.h"
#include "core/stamp.h"

namespace callbook::core {

/// A stamp as a client carries it from one node to the next (`Callbook-Stamp`), so that what it
/// does there is later than what it did here, whatever the nodes' clocks say. The token proves that
/// a node with the same key made it: a stamp that a client could make up would move the clock of
/// the whole cluster. 40 hexadecimal digits: hlc, node, authenticator.
std::string stamp_token(const Stamp& stamp, const base::SipKey& key);

/// The stamp, if the token was made with `key`.
std::optional<Stamp> stamp_from_token(std::string_view token, const base::SipKey& key);

}  // namespace callbook::core
