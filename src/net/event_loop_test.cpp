#include "net/event_loop.h"

#include <csignal>

#include <gtest/gtest.h>

#include "net/test_server.h"

namespace callbook::net {
namespace {

using testing::LoopThread;

TEST(EventLoop, KeepsTheOrderOfOneThreadsTasks) {
  EventLoop loop;
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) loop.post([&seen, i] { seen.push_back(i); });
  loop.post([&] { loop.stop(); });
  loop.run();
  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST(EventLoop, RunsAgainAfterAStopThatLeftNothingToDo) {
  EventLoop loop;
  int runs = 0;
  for (int i = 0; i < 3; ++i) {
    loop.post([&] {
      ++runs;
      loop.stop();
    });
    loop.run();
  }
  EXPECT_EQ(runs, 3);
}

TEST(EventLoop, TakesTasksFromManyThreads) {
  EventLoop loop;
  int count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        loop.post([&] {
          if (++count == 4000) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, 4000);
}

TEST(EventLoop, EveryBeatsUntilItIsDestroyedInItsOwnCallback) {
  EventLoop loop;
  int beats = 0;
  std::unique_ptr<EventLoop::Timer> timer;
  std::unique_ptr<EventLoop::Timer> end;
  timer = loop.every(1, [&] {
    if (++beats < 3) return;
    timer.reset();
    end = loop.after(20, [&] { loop.stop(); });
  });
  loop.run();
  EXPECT_EQ(beats, 3);
}

TEST(EventLoop, EverySkipsTheBeatsOfAStall) {
  EventLoop loop;
  const SystemClock clock;
  std::vector<int64_t> beats;
  const auto timer = loop.every(50, [&] {
    beats.push_back(clock.now().mono_ms);
    if (beats.size() == 1) {
      while (clock.now().mono_ms < beats[0] + 240) {  // four beats pass
      }
    }
    if (beats.size() == 5) loop.stop();
  });
  loop.run();
  ASSERT_EQ(beats.size(), 5U);
  // One late beat for the four that passed, then one every 50 ms; clocks round down.
  EXPECT_GE(beats[4], beats[0] + 340) << "a beat that was missed was made up for";
}

TEST(EventLoop, AfterDoesNotCallWhenItIsDestroyedBefore) {
  EventLoop loop;
  bool called = false;
  auto timer = loop.after(1, [&] { called = true; });
  timer.reset();
  const auto end = loop.after(20, [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(called);
}

TEST(EventLoop, HearsStopSignals) {
  EventLoop loop;
  std::vector<int> signals;
  const auto watch = loop.on_stop_signal([&](int number) {
    signals.push_back(number);
    if (signals.size() == 2) return loop.stop();
    ::raise(SIGINT);
  });
  loop.post([] { ::raise(SIGTERM); });
  loop.run();
  EXPECT_EQ(signals, (std::vector<int>{SIGTERM, SIGINT}));
}

TEST(SystemClock, ReadsBothClocks) {
  const SystemClock clock;
  const base::Now first = clock.now();
  const base::Now second = clock.now();
  EXPECT_GE(second.mono_ms, first.mono_ms);
  EXPECT_GT(first.wall_ms, 1'700'000'000'000);
}

}  // namespace
}  // namespace callbook::net
