#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sdk/instance_list.h"

namespace callbook::sdk {

/// The list of one service as a process keeps it for its next start (docs/formats/cache.md).
struct CachedList {
  std::string name_space;
  std::string service;
  int64_t current_wall_ms = 0;  ///< when the list was last known to be current
  InstanceList list;
};

/// The bytes of a cache file, in the earliest format that holds all of it. `list` is one that a
/// digest has proven.
std::string encode_cache(const CachedList& cached);

/// Reads encode_cache(). kCorrupt says what is wrong with the bytes; those of a later format are an
/// error too.
base::Result<CachedList> decode_cache(std::string_view bytes);

/// The name of a service's file within its directory: letters, digits and `.-_`, at most 96 bytes,
/// beginning with none that hides it or leads elsewhere. Names that differ have files that differ,
/// but for accidents of hashing, which the content shows.
std::string cache_file_name(std::string_view name_space, std::string_view service);

/// Writes the service's file in `directory` by a temporary one, so that a reader finds the former
/// content or this one, whatever happens meanwhile. `directory` is made if need be, for this user
/// alone (as its files are). Blocks on the disk. kIo names the file.
base::Status write_cache_file(const std::string& directory, const CachedList& cached);

/// kNotFound: there is none. kIo: it can't be read; kCorrupt: it is damaged, another service's,
/// another user's or of a later format. All name the file and what is wrong.
base::Result<CachedList> read_cache_file(const std::string& directory, std::string_view name_space,
                                         std::string_view service);

}  // namespace callbook::sdk
