#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/service_view.h"
#include "core/watch_cursor.h"
#include "sim/client_port.h"

namespace callbook::sim {

/// One event of a watch stream, as the native dialect would write it and the sdk read it.
struct ListEvent {
  WatchEvent event;
  std::string last;       ///< of a snapshot part: the last id in it
  uint64_t to = 0;        ///< of a delta: the version reached
  bool end = false;       ///< of a snapshot part: it was the last
  bool complete = false;  ///< carries the digest
};

/// The next part of the snapshot that `owed` asks for, with at most `most` instances. `view` is
/// null for a service that is not known.
ListEvent make_snapshot(const core::ServiceKey& service, const core::ServiceView* view,
                        const core::Owed& owed, size_t most);
/// The next part of the delta that `owed` asks for, with at most `most` changes.
ListEvent make_delta(const core::ServiceView& view, const core::Owed& owed, size_t most);

}  // namespace callbook::sim
