#include "bus/nats/event_queue.h"

#include <algorithm>

namespace callbook::bus::nats {
namespace {

/// So that the core applies a long replay in steps, between which it does other things.
constexpr size_t kMaxBatchMessages = 1'000;
constexpr size_t kMaxBatchBytes = 1U << 20U;
/// Beats say how things are now: who has not taken so many has no use for more.
constexpr size_t kMaxBeats = 1'000;

}  // namespace

bool EventQueue::push(Event event) {
  const std::lock_guard lock(mutex_);
  if (std::holds_alternative<Beat>(event) && ++beats_ > kMaxBeats) return false;
  if (const auto* batch = std::get_if<Batch>(&event)) {
    backlog_[index_of(batch->stream)] += batch->size_bytes();
    note_end(batch->stream, {batch->generation, batch->through});
  }
  return push_locked(std::move(event));
}

bool EventQueue::push_locked(Event event) {
  if (closed_) return false;
  events_.push_back(std::move(event));
  return events_.size() == 1;
}

void EventQueue::note_end(Stream stream, Position end) {
  Position& known = ends_[index_of(stream)];
  if (known.generation == end.generation) end.version = std::max(end.version, known.version);
  known = end;
}

bool EventQueue::push_heads(Positions heads) {
  const std::lock_guard lock(mutex_);
  for (size_t s = 0; s < heads.size(); ++s) {
    if (heads[s].generation != ends_[s].generation) continue;
    heads[s].version = std::max(heads[s].version, ends_[s].version);
  }
  return push_locked(Heads{heads});
}

void EventQueue::cut(Stream stream, Position head) {
  const std::lock_guard lock(mutex_);
  ends_[index_of(stream)] = head;
}

bool EventQueue::push_message(Stream stream, Position after, const Message& message) {
  const std::lock_guard lock(mutex_);
  backlog_[index_of(stream)] += message.key.size() + message.value.size();
  note_end(stream, {after.generation, message.version});
  auto* last = events_.empty() ? nullptr : std::get_if<Batch>(&events_.back());
  if (last != nullptr && last->stream == stream && last->generation == after.generation &&
      last->through == after.version && last->size() < kMaxBatchMessages &&
      last->size_bytes() < kMaxBatchBytes) {
    last->through = message.version;
    last->add(message.version, message.key, message.value);
    return false;
  }
  Batch batch;
  batch.stream = stream;
  batch.generation = after.generation;
  batch.after = after.version;
  batch.through = message.version;
  batch.add(message.version, message.key, message.value);
  return push_locked(std::move(batch));
}

std::vector<Event> EventQueue::take() {
  const std::lock_guard lock(mutex_);
  backlog_ = {};
  beats_ = 0;
  return std::exchange(events_, {});
}

void EventQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  events_.clear();
}

size_t EventQueue::backlog_bytes(Stream stream) const {
  const std::lock_guard lock(mutex_);
  return backlog_[index_of(stream)];
}

}  // namespace callbook::bus::nats
