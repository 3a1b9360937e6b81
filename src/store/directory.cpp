#include "store/directory.h"

#include <algorithm>

namespace callbook::store {
namespace {

/// Whether a name that does not parse is too like ours to be somebody else's file. Ignoring it
/// could hide the loss of a file whose name was damaged.
bool looks_like_ours(std::string_view name) {
  return name.starts_with("base-") || name.starts_with("segment-") || name.ends_with(".cbk");
}

}  // namespace

std::string path_of(const std::string& dir, FileId id) {
  return dir + "/" + file_name(id);
}

base::Result<Inventory> take_inventory(FileSystem& files, const std::string& dir) {
  auto names = files.list(dir);
  if (!names.ok()) return names.error();
  Inventory inventory;
  std::vector<FileId> found;
  for (const std::string& name : *names) {
    if (name.ends_with(kDamagedSuffix)) continue;
    if (const auto id = parse_file_name(name)) {
      found.push_back(*id);
      if (id->kind == FileKind::kBase) inventory.base = std::max(inventory.base, id->number);
    } else if (name.starts_with("base-") && name.ends_with(kTemporarySuffix)) {
      inventory.temporary.push_back(name);
    } else if (looks_like_ours(name)) {
      return base::Error{base::ErrorCode::kCorrupt,
                         dir + "/" + name,
                         "damaged at offset 0: not the name of a file of the store",
                         {}};
    }
  }
  for (const FileId id : found) {
    if (id.number < inventory.base) {
      inventory.obsolete.push_back(id);
    } else if (id.kind == FileKind::kSegment) {
      inventory.segments.push_back(id.number);
    }
  }
  std::sort(inventory.segments.begin(), inventory.segments.end());
  return inventory;
}

void remove_replaced_by(uint64_t base, FileSystem& files, const std::string& dir) {
  const auto inventory = take_inventory(files, dir);
  if (!inventory.ok() || inventory.value().base != base) return;
  for (const FileId id : inventory.value().obsolete) {
    static_cast<void>(files.remove(path_of(dir, id)).ok());
  }
}

}  // namespace callbook::store
