#pragma once

#include <functional>
#include <memory>

#include "base/log.h"
#include "base/result.h"
#include "bus/bus.h"
#include "bus/nats/options.h"

namespace callbook::bus::nats {

/// Whether a bus can be made of them: kInvalid or kLimit, naming the option.
base::Status check(const Options& options);

/// A bus on NATS JetStream: nats-server 2.9 or later, by libnats 3.4 (docs/formats/bus.md, "On
/// NATS"). Nothing is connected before start().
///
/// `wake` as in bus::Bus; it must not call stop(). `logger` outlives the bus. Two threads of its
/// own, besides those of the library.
///
/// Errors: those of check().
base::Result<std::unique_ptr<Bus>> make_bus(Options options, base::Logger& logger,
                                            std::function<void()> wake);

}  // namespace callbook::bus::nats
