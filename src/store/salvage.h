#pragma once

#include "store/recovery.h"

namespace callbook::store {

/// Rebuilds a damaged log: every record that verifies goes to `on_record` and into a new base, the
/// damaged files are renamed, the others removed. Until the new base is in place nothing else on
/// the disk changes. Reports each damage in `report`.
base::Result<RecoveredLog> salvage(FileSystem& files, const std::string& dir, base::Logger& logger,
                                   const Log::OnRecord& on_record, RecoveryReport& report);

}  // namespace callbook::store
