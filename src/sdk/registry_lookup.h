#pragma once

#include <memory>
#include <string>

#include "net/event_loop.h"
#include "sdk/registry_pool.h"

namespace callbook::sdk {

/// The pool of a place as the system knows it: files are read, names asked of the system's resolver
/// (on a thread of its own, since that may block for many seconds). Loop's thread only; borrows
/// `loop`, which may go before the resolver has answered, but not before the pool.
RegistryPoolPtr make_registry_pool(net::EventLoop& loop, const RegistryPlace& place, Random random);

/// The registries that the file at `path` names. kIo where it can't be read.
base::Result<std::vector<Endpoint>> read_registry_file(const std::string& path);

}  // namespace callbook::sdk
