#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/file_system.h"
#include "store/frame.h"

namespace callbook::store {

inline constexpr std::string_view kTemporarySuffix = ".tmp";
inline constexpr std::string_view kDamagedSuffix = ".damaged";

std::string path_of(const std::string& dir, FileId id);

/// The files of a log by name, before any of them is read.
struct Inventory {
  uint64_t base = 0;                   ///< the newest, 0 for none
  std::vector<uint64_t> segments;      ///< those the base does not replace, ascending
  std::vector<FileId> obsolete;        ///< replaced by the base
  std::vector<std::string> temporary;  ///< names of unfinished bases

  /// The segment that replay begins with.
  uint64_t first_segment() const { return base == 0 ? 1 : base; }
};

/// Errors: kCorrupt for a name that is nearly one of ours, kIo.
base::Result<Inventory> take_inventory(FileSystem& files, const std::string& dir);

/// Removes every base and segment that `base` replaces. What cannot be removed is left for the next
/// time: such files are never read.
void remove_replaced_by(uint64_t base, FileSystem& files, const std::string& dir);

}  // namespace callbook::store
