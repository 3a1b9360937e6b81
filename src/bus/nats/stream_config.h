#pragma once

#include <cstdint>
#include <string>

#include <nats/nats.h>

#include "base/result.h"
#include "bus/nats/options.h"
#include "bus/nats/subject.h"

namespace callbook::bus::nats {

/// What can be known of a stream. Position: the generation is made of the time at which the stream
/// was created, to the nanosecond, which its servers keep and agree on; the version is the last
/// sequence.
struct StreamFacts {
  Position head;
  std::string leader;  ///< name of the server that decides on it; empty: it stands alone
};

/// Errors: kIo for a stream that its server is still making, which has no time of creation yet; it
/// would pass for a generation of its own.
base::Result<StreamFacts> facts_of(const jsStreamInfo& info);

/// Reads the stream, makes it if it is missing, and holds it against what is wanted. Waits for at
/// most `patience_ms` for what is there, and for Options::request_timeout_ms while it is made.
///
/// Errors: kConflict if it differs, with both shown; kIo for everything else, worth another
/// attempt.
base::Result<StreamFacts> ensure_stream(jsCtx* context, const Options& options, const Names& names,
                                        Stream stream, int64_t patience_ms);

/// One line: "subjects callbook.dc1.tied.*, max age 24h …".
std::string describe(const jsStreamConfig& config);

}  // namespace callbook::bus::nats
