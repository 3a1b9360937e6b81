#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace callbook::core {

/// Keeps one copy of the short strings that a million instances repeat: metadata keys, zones, port
/// names. Entries live as long as the interner; it holds a bounded number of them, and when it is
/// full, callers keep their string inline, so an attacker can waste its savings but not memory.
///
/// intern() belongs to the thread that owns core. at() may be called from any thread for an index
/// that reached it through a publication: entries never move and never change.
class Interner {
 public:
  static constexpr size_t kMaxEntries = 65'536;
  static constexpr size_t kMaxEntryBytes = 64;

  /// The index of `text`, or nothing when it is too long or the table is full.
  std::optional<uint32_t> intern(std::string_view text);
  std::string_view at(uint32_t index) const;
  size_t size() const { return size_; }

 private:
  static constexpr size_t kChunkEntries = 1024;
  static constexpr size_t kBlockBytes = 16 * 1024;
  using Chunk = std::array<std::string_view, kChunkEntries>;

  std::string_view store(std::string_view text);

  std::array<std::unique_ptr<Chunk>, kMaxEntries / kChunkEntries> chunks_;
  std::unordered_map<std::string_view, uint32_t> index_of_;  // lookup only
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_used_ = kBlockBytes;
  size_t size_ = 0;
};

}  // namespace callbook::core
