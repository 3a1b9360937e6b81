#pragma once

#include <string>
#include <vector>

#include "sdk/directory.h"

namespace callbook::cli {

// What `callbook watch` prints. Every line is ended.

/// The list as it is: a heading and a line per instance.
std::string snapshot_text(const sdk::Directory& directory);
/// A line per change: "+ o-1 10.0.0.7:8080 registered"; `several`: with the service's name.
std::string changes_text(const sdk::Directory& directory, const std::vector<sdk::Change>& changes,
                         bool several);

/// {"event":"snapshot","service":…,"digest":…,"instances":[…]}
std::string snapshot_json(const sdk::Directory& directory);
/// Per change {"event":"came","service":…,"cause":…,"instance":{…}}; "came", "changed" or "left".
std::string changes_json(const sdk::Directory& directory, const std::vector<sdk::Change>& changes);

}  // namespace callbook::cli
