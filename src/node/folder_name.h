#pragma once

#include <string>

#include "base/result.h"
#include "store/file_system.h"

namespace callbook::node {

// A data directory remembers the name of the node that served from it last, in the file NODE, so
// that a directory used under another name is noticed. Call these while the directory is locked.

/// Empty: none is known, as of a directory that an older release has written.
std::string folder_name(store::FileSystem& files, const std::string& dir);

/// Durable once it returns. kIo where the disk refuses; what was remembered before stays then.
base::Status remember_folder_name(store::FileSystem& files, const std::string& dir,
                                  const std::string& name);

}  // namespace callbook::node
