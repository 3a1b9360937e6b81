#include "sdk/read_mostly.h"

#include <latch>

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

/// Two numbers that belong together, and a mark that freeing it leaves behind.
struct Pair {
  explicit Pair(uint64_t value, std::atomic<int>* alive_count = nullptr)
      : first(value), second(~value), alive(alive_count) {
    if (alive != nullptr) alive->fetch_add(1);
  }
  ~Pair() {
    first = second = 0;
    if (alive != nullptr) alive->fetch_sub(1);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  bool is_sound() const { return first == ~second; }

  uint64_t first;
  uint64_t second;
  std::atomic<int>* alive;
};

uint64_t first_of(const ReadMostly<Pair>& shared) {
  return shared.read([](const Pair& pair) { return pair.first; });
}

TEST(ReadMostly, ReadsWhatWasPublishedLast) {
  ReadMostly<Pair> shared(std::make_unique<const Pair>(7));
  EXPECT_EQ(first_of(shared), 7u);
  shared.publish(std::make_unique<const Pair>(8));
  EXPECT_EQ(first_of(shared), 8u);
}

TEST(ReadMostly, FreesWhatIsReplacedAndTheLast) {
  std::atomic<int> alive{0};
  {
    ReadMostly<Pair> shared(std::make_unique<const Pair>(0, &alive));
    for (uint64_t i = 1; i < 10; ++i) {
      shared.publish(std::make_unique<const Pair>(i, &alive));
      EXPECT_EQ(alive.load(), 1);
    }
  }
  EXPECT_EQ(alive.load(), 0);
}

TEST(ReadMostly, MayBeReadInsideAVisitAndLeftByAnException) {
  ReadMostly<Pair> shared(std::make_unique<const Pair>(3));
  EXPECT_EQ(shared.read([&](const Pair& pair) { return pair.first + first_of(shared); }), 6u);
  EXPECT_THROW(shared.read([](const Pair&) -> int { throw 1; }), int);
  shared.publish(std::make_unique<const Pair>(4));  // returns: nobody is counted in any more
  EXPECT_EQ(first_of(shared), 4u);
}

// A reader that is in there holds up the freeing of its own value, not other readers.
TEST(ReadMostly, KeepsAValueForAsLongAsItIsVisited) {
  std::atomic<int> alive{0};
  ReadMostly<Pair> shared(std::make_unique<const Pair>(1, &alive));
  std::latch inside(1);
  std::latch leave(1);
  std::thread reader([&] {
    shared.read([&](const Pair& pair) {
      inside.count_down();
      leave.wait();
      EXPECT_EQ(pair.first, 1u);
      EXPECT_TRUE(pair.is_sound());
    });
  });
  inside.wait();
  std::atomic<bool> published{false};
  std::thread writer([&] {
    shared.publish(std::make_unique<const Pair>(2, &alive));
    published = true;
  });
  while (first_of(shared) != 2) std::this_thread::yield();
  EXPECT_FALSE(published.load());
  EXPECT_EQ(alive.load(), 2);
  leave.count_down();
  reader.join();
  writer.join();
  EXPECT_EQ(alive.load(), 1);
}

// More readers than places beside a writer: what they see is never freed, never
// goes back, and the writer gets through. The sanitizers find what the checks do not.
TEST(ReadMostly, ManyReadersBesideAWriter) {
  constexpr size_t kReaders = ReaderPlace::kCount + 3;
  constexpr uint64_t kPublished = 300;
  std::atomic<int> alive{0};
  ReadMostly<Pair> shared(std::make_unique<const Pair>(0, &alive));
  std::atomic<bool> done{false};
  std::atomic<int> faults{0};
  std::vector<std::thread> readers;
  std::latch started(kReaders);
  for (size_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      started.count_down();
      uint64_t last = 0;
      while (!done.load(std::memory_order_relaxed)) {
        const uint64_t seen = shared.read([&](const Pair& pair) {
          if (!pair.is_sound()) faults.fetch_add(1);
          return pair.first;
        });
        if (seen < last) faults.fetch_add(1);
        last = seen;
        std::this_thread::yield();  // so that few are preempted inside, where the writer waits
      }
    });
  }
  started.wait();
  for (uint64_t i = 1; i <= kPublished; ++i) {
    shared.publish(std::make_unique<const Pair>(i, &alive));
    if (alive.load() != 1) faults.fetch_add(1);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(faults.load(), 0);
  EXPECT_EQ(first_of(shared), kPublished);
}

TEST(ReadMostlyDeathTest, HoldsAlwaysAValue) {
  EXPECT_DEATH(ReadMostly<Pair>(nullptr), "invariant");
  ReadMostly<Pair> shared(std::make_unique<const Pair>(1));
  EXPECT_DEATH(shared.publish(nullptr), "invariant");
}

}  // namespace
}  // namespace callbook::sdk
