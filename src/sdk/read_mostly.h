#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include "base/check.h"

namespace callbook::sdk {

/// Where a thread counts itself as a reader: threads take turns at the places, and a place may have
/// several. Nothing is kept of a thread that ends.
class ReaderPlace {
 public:
  static constexpr size_t kCount = 16;

  static size_t of_this_thread() {
    static std::atomic<size_t> next{0};
    thread_local size_t place = next.fetch_add(1, std::memory_order_relaxed) % kCount;
    return place;
  }
};

/// A value that many threads read and now and then somebody replaces as a whole.
///
/// read() may be called by any number of threads. It is wait-free: two additions and a load,
/// whatever others do. publish() is for one thread at a time; it returns when the former value is
/// freed, which takes as long as the longest read() that was under way. Neither publish() nor the
/// destructor may run inside a visit of the same object: they would wait for themselves.
///
/// How it works. A reader counts itself in at one of two counters of its place, then loads the
/// pointer; a writer exchanges the pointer, then waits until it has seen every counter at zero
/// once.
///
/// Why the former value can be freed then. "Count in, load the pointer" and "exchange the pointer,
/// look at the counter" are sequentially consistent, so that in their one order either the reader
/// counts in before the writer looks, and the writer waits for it, or the writer looks first, and
/// the reader finds the new pointer. Counting out releases and the look acquires (additions in
/// between continue the release), so that all that a reader did happens before the freeing.
///
/// Why the writer gets there. With one counter, readers that follow each other closely could keep
/// it above zero for ever. So there are two, and `phase_` says which of them readers are to use:
/// the writer waits for the idle one, sends the readers there, and waits for the other. A reader
/// that knows only the former phase delays it a little; nothing else depends on the phase, so that
/// relaxed order will do for it.
template <typename T>
class ReadMostly {
 public:
  explicit ReadMostly(std::unique_ptr<const T> first) : current_(first.release()) {
    CALLBOOK_CHECK(current_.load(std::memory_order_relaxed) != nullptr);
  }
  ~ReadMostly() { delete current_.load(std::memory_order_acquire); }
  ReadMostly(const ReadMostly&) = delete;
  ReadMostly& operator=(const ReadMostly&) = delete;

  /// Returns by value what `visit(const T&)` returns. The reference must not outlive the visit.
  template <typename Visit>
  auto read(Visit&& visit) const {
    const Counted counted(*this);
    return std::forward<Visit>(visit)(*current_.load(std::memory_order_seq_cst));
  }

  void publish(std::unique_ptr<const T> next) {
    CALLBOOK_CHECK(next != nullptr);
    CALLBOOK_CHECK(!publishing_.exchange(true, std::memory_order_acquire));
    const std::unique_ptr<const T> former(
        current_.exchange(next.release(), std::memory_order_seq_cst));
    const size_t busy = phase_.load(std::memory_order_relaxed);
    const size_t idle = 1 - busy;
    wait_for_readers(idle);
    phase_.store(idle, std::memory_order_relaxed);
    wait_for_readers(busy);
    publishing_.store(false, std::memory_order_release);
  }

 private:
  /// A pair of lines, since processors fetch them in pairs.
  struct alignas(128) Place {
    std::array<std::atomic<uint32_t>, 2> readers{};  // by phase
  };

  class Counted {
   public:
    explicit Counted(const ReadMostly& owner)
        : readers_(owner.places_[ReaderPlace::of_this_thread()]
                       .readers[owner.phase_.load(std::memory_order_relaxed)]) {
      readers_.fetch_add(1, std::memory_order_seq_cst);
    }
    ~Counted() { readers_.fetch_sub(1, std::memory_order_release); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

   private:
    std::atomic<uint32_t>& readers_;
  };

  void wait_for_readers(size_t phase) const {
    for (const Place& place : places_) {
      while (place.readers[phase].load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
    }
  }

  std::atomic<const T*> current_;
  std::atomic<size_t> phase_{0};
  std::atomic<bool> publishing_{false};  // only to notice a second writer
  mutable std::array<Place, ReaderPlace::kCount> places_;
};

}  // namespace callbook::sdk
