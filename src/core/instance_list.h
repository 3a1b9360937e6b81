#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/instance.h"

namespace callbook::core {

/// One place of a list: which instance, and in what effective state. One word, so that a change of
/// state copies a chunk of words and not the instance.
class ListEntry {
 public:
  ListEntry() = default;
  ListEntry(const Instance* instance, InstanceState state)
      : bits_(reinterpret_cast<uintptr_t>(instance) | static_cast<uintptr_t>(state)) {}

  const Instance& instance() const {
    return *reinterpret_cast<const Instance*>(bits_ & ~kStateBits);
  }
  InstanceState state() const { return static_cast<InstanceState>(bits_ & kStateBits); }
  std::string_view id() const { return instance().id(); }
  uint64_t digest_part() const { return core::digest_part(instance().content_hash, state()); }

 private:
  static constexpr uintptr_t kStateBits = 15;  // malloc aligns to 16
  uintptr_t bits_ = 0;
};

/// A run of entries in the order of their ids, shared by every version of the list in which it is
/// the same. Counted by reference; immutable once it has been shared.
class alignas(ListEntry) ListChunk {  // so that the entries behind it are aligned too
 public:
  static constexpr uint32_t kMaxEntries = 128;

  /// A chunk with room for `capacity` entries, with one reference.
  static ListChunk* make(uint32_t capacity);
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release();

  uint32_t size() const { return size_; }
  uint32_t capacity() const { return capacity_; }
  ListEntry* entries() { return reinterpret_cast<ListEntry*>(this + 1); }
  const ListEntry* entries() const { return reinterpret_cast<const ListEntry*>(this + 1); }
  void set_size(uint32_t size) { size_ = size; }

 private:
  explicit ListChunk(uint32_t capacity) : capacity_(capacity) {}
  ~ListChunk() = default;

  std::atomic<uint32_t> references_{1};
  uint32_t size_ = 0;
  uint32_t capacity_;
};

/// Owns one reference to a chunk.
class ChunkRef {
 public:
  ChunkRef() = default;
  explicit ChunkRef(ListChunk* adopted) : chunk_(adopted) {}
  ChunkRef(const ChunkRef& other) : chunk_(other.chunk_) {
    if (chunk_ != nullptr) chunk_->retain();
  }
  ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  ChunkRef& operator=(const ChunkRef& other) { return *this = ChunkRef(other); }
  ChunkRef& operator=(ChunkRef&& other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
  }
  ~ChunkRef() {
    if (chunk_ != nullptr) chunk_->release();
  }
  ListChunk* operator->() const { return chunk_; }
  ListChunk& operator*() const { return *chunk_; }

 private:
  ListChunk* chunk_ = nullptr;
};

/// A service's entries in the order of their ids, as chunks. Copying shares the chunks: O(entries /
/// chunk). A copy may be read on any thread while the original is changed.
class InstanceList {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// The entry of `id`, or nullptr.
  const ListEntry* find(std::string_view id) const;
  /// Calls `visit(entry)` for entries with an id above `after` ("" for all), in order, until it
  /// returns false. Returns whether the end was reached.
  template <typename Visit>
  bool visit_after(std::string_view after, Visit&& visit) const {
    auto [chunk, index] = upper_bound(after);
    for (; chunk < chunks_.size(); ++chunk, index = 0) {
      for (; index < chunks_[chunk]->size(); ++index) {
        if (!visit(chunks_[chunk]->entries()[index])) return false;
      }
    }
    return true;
  }
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const ChunkRef& chunk : chunks_) {
      for (uint32_t i = 0; i < chunk->size(); ++i) visit(chunk->entries()[i]);
    }
  }

 protected:
  struct Place {
    size_t chunk = 0;
    uint32_t index = 0;
  };
  /// The first place whose id is above `id`; an empty `id` gives the first place of all.
  Place upper_bound(std::string_view id) const;
  /// The chunk that holds or would hold `id`.
  size_t chunk_of(std::string_view id) const;

  std::vector<ChunkRef> chunks_;
  size_t size_ = 0;
};

/// The list that core changes. A chunk is copied at its first change after share(), then changed
/// in place, so a batch of changes copies each chunk at most once.
class MutableInstanceList : public InstanceList {
 public:
  /// Puts the entry in its place; returns the entry of the same id that it replaced, if any.
  std::optional<ListEntry> put(ListEntry entry);
  /// Takes out the entry of `id`, if there is one.
  std::optional<ListEntry> erase(std::string_view id);
  /// The list as it is now, to publish. From here on its chunks are immutable.
  InstanceList share();

 private:
  void insert(size_t index, uint32_t place, ListEntry entry);
  ListChunk& own(size_t index, uint32_t room);
  void split(size_t index);
  void drop(size_t index);

  std::vector<bool> owned_;  ///< beside chunks_: not shared since it was made
};

}  // namespace callbook::core
