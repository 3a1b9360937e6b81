#include "node/folder_name.h"

#include "base/name.h"

namespace callbook::node {

std::string folder_name(store::FileSystem& files, const std::string& dir) {
  const auto bytes = files.read(dir + "/NODE");
  if (!bytes.ok()) return "";
  std::string name((*bytes)->view());
  if (name.ends_with('\n')) name.pop_back();
  return base::check_name("node", name).ok() ? name : "";
}

base::Status remember_folder_name(store::FileSystem& files, const std::string& dir,
                                  const std::string& name) {
  const std::string path = dir + "/NODE";
  const std::string temporary = path + ".tmp";
  static_cast<void>(files.remove(temporary).ok());  // of a start that was cut short
  auto file = files.open_append(temporary, true);
  if (!file.ok()) return file.error();
  if (auto status = (*file)->append(name + "\n"); !status.ok()) return status;
  if (auto status = (*file)->sync(); !status.ok()) return status;
  if (auto status = files.rename(temporary, path); !status.ok()) return status;
  return files.sync_directory(dir);
}

}  // namespace callbook::node
