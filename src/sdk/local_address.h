#pragma once

#include <string>

#include "base/result.h"
#include "sdk/endpoint.h"

namespace callbook::sdk {

/// The address of this machine from which it reaches `endpoint`: what others on that network can
/// call it by. 127.0.0.1 for a registry on this machine. Sends nothing.
base::Result<std::string> local_address_towards(const Endpoint& endpoint);

/// This machine's name, or "localhost" if it has none.
std::string host_name();

}  // namespace callbook::sdk
