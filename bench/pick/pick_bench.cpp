// pick-bench: what it costs to choose an instance, as the client library does for each call: read
// the current selection, choose, count the call, copy the two pointers of the chosen member; then
// count the call out and drop them. A writer publishes a new selection 100 times a second beside
// it. CPU time of the calling threads.
//
//   --calls N         of each thread, after a tenth as many that do not count (2000000)
//   --publish-hz N    how often a writer replaces the selection; 0: never (100)
//   --under-way N     calls under way at a member of weight 100, without end: what bounded loads
//                     look at (4)
//   --members N       only lists of this length (10, 1000 and 10000)
//   --choice N        only this one: 0 least loaded, 1 round robin, 2 consistent hash (all)

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <latch>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "load/fail.h"
#include "load/options.h"
#include "load/process.h"

#include "sdk/fast_random.h"
#include "sdk/read_mostly.h"
#include "sdk/selection.h"

namespace callbook::load {
namespace {

using sdk::Candidate;
using sdk::InstancePtr;
using sdk::Member;
using sdk::ReadMostly;
using sdk::Selection;

constexpr Choice kChoices[] = {Choice::kLeastLoaded, Choice::kRoundRobin, Choice::kConsistentHash};
constexpr const char* kNames[] = {"least loaded", "round robin", "consistent hash"};
constexpr size_t kKeys = 4'096;  // a power of two

struct Plan {
  uint64_t calls = 0;
  uint64_t publish_hz = 0;
  uint32_t under_way = 0;
};

/// Weights from 50 to 149, so that nothing is simpler than it may be.
std::vector<Member> make_members(size_t count, uint32_t under_way) {
  std::vector<Member> members;
  for (size_t i = 0; i < count; ++i) {
    Instance instance;
    instance.id = fmt::format("orders-{:05}", i);
    instance.address = fmt::format("10.1.{}.{}", i / 250, i % 250);
    instance.metadata = {{"version", "1.4.2"}, {"commit", "8c1f3e0"}};
    Member member{std::make_shared<const Instance>(std::move(instance)),
                  std::make_shared<Candidate>(), static_cast<uint32_t>(50 + i * 37 % 100)};
    member.candidate->outstanding = under_way * member.weight / 100;
    members.push_back(std::move(member));
  }
  return members;
}

std::unique_ptr<const Selection> make_selection(const std::vector<Member>& members, Choice choice) {
  Selection::Settings settings;
  settings.choice = choice;
  return std::make_unique<const Selection>(members, settings);
}

/// What a caller holds during its call.
struct Pick {
  InstancePtr instance;
  std::shared_ptr<Candidate> candidate;
};

void call(const ReadMostly<Selection>& shared, const std::vector<std::string>& keys) {
  const uint64_t random = sdk::fast_random();
  const sdk::Wanted wanted{.key = keys[random % kKeys]};
  const Pick pick = shared.read([&](const Selection& selection) {
    const Member* member = selection.choose(wanted, random);
    if (member == nullptr) fail("nothing was chosen");
    member->candidate->outstanding.fetch_add(1, std::memory_order_relaxed);
    return Pick{member->instance, member->candidate};
  });
  pick.candidate->outstanding.fetch_sub(1, std::memory_order_relaxed);
}

int64_t cpu_of_this_thread_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// The mean CPU time of a call, over all threads.
double measure_calls(const Plan& plan, const std::vector<Member>& members, Choice choice,
                     int thread_count) {
  ReadMostly<Selection> shared(make_selection(members, choice));
  std::vector<std::string> keys;
  for (size_t i = 0; i < kKeys; ++i) keys.push_back(fmt::format("customer-{}", i * 7'919));
  std::atomic<int64_t> cpu_ns{0};
  std::mutex mutex;
  std::condition_variable finished;
  int running = thread_count;
  std::latch start(thread_count);
  std::vector<std::thread> threads;
  for (int i = 0; i < thread_count; ++i) {
    threads.emplace_back([&] {
      for (uint64_t n = 0; n < plan.calls / 10; ++n) call(shared, keys);
      start.arrive_and_wait();
      const int64_t began_ns = cpu_of_this_thread_ns();
      for (uint64_t n = 0; n < plan.calls; ++n) call(shared, keys);
      cpu_ns += cpu_of_this_thread_ns() - began_ns;
      const std::lock_guard lock(mutex);
      --running;
      finished.notify_one();
    });
  }
  const auto period = std::chrono::nanoseconds(1'000'000'000 / std::max(plan.publish_hz, 1ul));
  std::unique_lock lock(mutex);
  while (!finished.wait_for(lock, period, [&] { return running == 0; })) {
    if (plan.publish_hz != 0) shared.publish(make_selection(members, choice));
  }
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(cpu_ns.load()) / static_cast<double>(plan.calls) / thread_count;
}

/// The CPU time to make a selection, in microseconds: the median of several.
double measure_build(const std::vector<Member>& members, Choice choice) {
  std::vector<int64_t> samples;
  for (int i = 0; i < 15; ++i) {
    const int64_t began_ns = cpu_of_this_thread_ns();
    const auto selection = make_selection(members, choice);
    samples.push_back(cpu_of_this_thread_ns() - began_ns);
  }
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  return static_cast<double>(samples[samples.size() / 2]) / 1e3;
}

int run(int argc, char** argv) {
  Options options(argc, argv, 1);
  Plan plan;
  plan.calls = options.number("calls", 2'000'000);
  plan.publish_hz = options.number("publish-hz", 100);
  plan.under_way = static_cast<uint32_t>(options.number("under-way", 4));
  const uint64_t only_members = options.number("members", 0);
  const uint64_t only_choice = options.number("choice", 99);
  options.finish();
  if (plan.calls == 0) fail("no calls");
  std::vector<size_t> sizes = {10, 1'000, 10'000};
  if (only_members != 0) sizes = {only_members};
  fmt::print("{:<16} {:>8} {:>12} {:>12} {:>12}\n", "choice", "members", "1 thread ns",
             "2 threads ns", "to make us");
  for (size_t i = 0; i < std::size(kChoices); ++i) {
    if (only_choice < std::size(kChoices) && only_choice != i) continue;
    for (const size_t size : sizes) {
      const std::vector<Member> members = make_members(size, plan.under_way);
      fmt::print("{:<16} {:>8} {:>12.0f} {:>12.0f} {:>12.0f}\n", kNames[i], size,
                 measure_calls(plan, members, kChoices[i], 1),
                 measure_calls(plan, members, kChoices[i], 2), measure_build(members, kChoices[i]));
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace callbook::load

int main(int argc, char** argv) {
  return callbook::load::run(argc, argv);
}
