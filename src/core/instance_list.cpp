#include "core/instance_list.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/check.h"

namespace callbook::core {
namespace {

const ListEntry* lower_entry(const ListChunk& chunk, std::string_view id) {
  const ListEntry* begin = chunk.entries();
  return std::lower_bound(
      begin, begin + chunk.size(), id,
      [](const ListEntry& entry, std::string_view wanted) { return entry.id() < wanted; });
}

/// Room grows with the chunk, so that a million services of one instance stay small.
uint32_t capacity_for(uint32_t entries) {
  uint32_t capacity = 2;
  while (capacity < entries) capacity *= 2;
  return std::min(capacity, ListChunk::kMaxEntries);
}

}  // namespace

ListChunk* ListChunk::make(uint32_t capacity) {
  void* memory = std::malloc(sizeof(ListChunk) + capacity * sizeof(ListEntry));
  CALLBOOK_CHECK(memory != nullptr);
  return new (memory) ListChunk(capacity);
}

void ListChunk::release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    this->~ListChunk();
    std::free(this);
  }
}

size_t InstanceList::chunk_of(std::string_view id) const {
  const auto above = std::upper_bound(chunks_.begin(), chunks_.end(), id,
                                      [](std::string_view wanted, const ChunkRef& chunk) {
                                        return wanted < chunk->entries()[0].id();
                                      });
  return above == chunks_.begin() ? 0 : static_cast<size_t>(above - chunks_.begin()) - 1;
}

const ListEntry* InstanceList::find(std::string_view id) const {
  if (chunks_.empty()) return nullptr;
  const ListChunk& chunk = *chunks_[chunk_of(id)];
  const ListEntry* place = lower_entry(chunk, id);
  return place != chunk.entries() + chunk.size() && place->id() == id ? place : nullptr;
}

InstanceList::Place InstanceList::upper_bound(std::string_view id) const {
  if (chunks_.empty() || id.empty()) return {};
  const size_t index = chunk_of(id);
  const ListChunk& chunk = *chunks_[index];
  const ListEntry* place = lower_entry(chunk, id);
  if (place != chunk.entries() + chunk.size() && place->id() == id) ++place;
  return {index, static_cast<uint32_t>(place - chunk.entries())};
}

std::optional<ListEntry> MutableInstanceList::put(ListEntry entry) {
  if (chunks_.empty()) {
    chunks_.emplace_back(ListChunk::make(capacity_for(1)));
    owned_.push_back(true);
    insert(0, 0, entry);
    return std::nullopt;
  }
  size_t index = chunk_of(entry.id());
  auto place =
      static_cast<uint32_t>(lower_entry(*chunks_[index], entry.id()) - chunks_[index]->entries());
  if (place < chunks_[index]->size() && chunks_[index]->entries()[place].id() == entry.id()) {
    return std::exchange(own(index, 0).entries()[place], entry);
  }
  if (chunks_[index]->size() == ListChunk::kMaxEntries) {
    split(index);
    if (place > chunks_[index]->size()) place -= chunks_[index++]->size();
  }
  insert(index, place, entry);
  return std::nullopt;
}

void MutableInstanceList::insert(size_t index, uint32_t place, ListEntry entry) {
  ListChunk& chunk = own(index, 1);
  ListEntry* const at = chunk.entries() + place;
  ListEntry* const end = chunk.entries() + chunk.size();
  std::copy_backward(at, end, end + 1);
  *at = entry;
  chunk.set_size(chunk.size() + 1);
  ++size_;
}

std::optional<ListEntry> MutableInstanceList::erase(std::string_view id) {
  if (chunks_.empty()) return std::nullopt;
  const size_t index = chunk_of(id);
  const auto offset = lower_entry(*chunks_[index], id) - chunks_[index]->entries();
  if (offset == chunks_[index]->size() || chunks_[index]->entries()[offset].id() != id)
    return std::nullopt;
  const ListEntry removed = chunks_[index]->entries()[offset];
  --size_;
  if (chunks_[index]->size() == 1) {
    drop(index);
    return removed;
  }
  ListChunk& chunk = own(index, 0);
  ListEntry* const place = chunk.entries() + offset;
  std::copy(place + 1, chunk.entries() + chunk.size(), place);
  chunk.set_size(chunk.size() - 1);
  return removed;
}

InstanceList MutableInstanceList::share() {
  owned_.assign(chunks_.size(), false);
  return InstanceList(static_cast<const InstanceList&>(*this));
}

ListChunk& MutableInstanceList::own(size_t index, uint32_t room) {
  ListChunk& present = *chunks_[index];
  const uint32_t needed = present.size() + room;
  if (owned_[index] && present.capacity() >= needed) return present;
  ListChunk* copy = ListChunk::make(capacity_for(needed));
  std::copy_n(present.entries(), present.size(), copy->entries());
  copy->set_size(present.size());
  chunks_[index] = ChunkRef(copy);
  owned_[index] = true;
  return *copy;
}

void MutableInstanceList::split(size_t index) {
  const ChunkRef full = chunks_[index];
  // Ids often come in order (o-1, o-2, ...): a full last chunk then keeps nearly all it has.
  const bool last = index + 1 == chunks_.size();
  const uint32_t left_size = last ? full->size() - full->size() / 8 : full->size() / 2;
  const uint32_t right_size = full->size() - left_size;
  ListChunk* left = ListChunk::make(capacity_for(left_size));
  ListChunk* right = ListChunk::make(capacity_for(right_size));
  std::copy_n(full->entries(), left_size, left->entries());
  std::copy_n(full->entries() + left_size, right_size, right->entries());
  left->set_size(left_size);
  right->set_size(right_size);
  chunks_[index] = ChunkRef(left);
  owned_[index] = true;
  const auto after = static_cast<std::ptrdiff_t>(index) + 1;
  chunks_.insert(chunks_.begin() + after, ChunkRef(right));
  owned_.insert(owned_.begin() + after, true);
}

void MutableInstanceList::drop(size_t index) {
  chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(index));
  owned_.erase(owned_.begin() + static_cast<std::ptrdiff_t>(index));
}

}  // namespace callbook::core
