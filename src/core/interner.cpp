#include "core/interner.h"

#include "base/check.h"

namespace callbook::core {

std::optional<uint32_t> Interner::intern(std::string_view text) {
  if (text.size() > kMaxEntryBytes) return std::nullopt;
  const auto found = index_of_.find(text);
  if (found != index_of_.end()) return found->second;
  if (size_ == kMaxEntries) return std::nullopt;

  const auto index = static_cast<uint32_t>(size_);
  auto& chunk = chunks_[index / kChunkEntries];
  if (!chunk) chunk = std::make_unique<Chunk>();
  const std::string_view kept = store(text);
  (*chunk)[index % kChunkEntries] = kept;
  index_of_.emplace(kept, index);
  ++size_;
  return index;
}

std::string_view Interner::at(uint32_t index) const {
  CALLBOOK_CHECK(index < kMaxEntries && chunks_[index / kChunkEntries]);
  return (*chunks_[index / kChunkEntries])[index % kChunkEntries];
}

std::string_view Interner::store(std::string_view text) {
  if (blocks_.empty() || block_used_ + text.size() > kBlockBytes) {
    blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
    block_used_ = 0;
  }
  char* place = blocks_.back().get() + block_used_;
  text.copy(place, text.size());
  block_used_ += text.size();
  return {place, text.size()};
}

}  // namespace callbook::core
