#include "load.h"

#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace examples {
namespace {

std::string_view name_of(callbook::Outcome outcome) {
  constexpr std::array<std::string_view, 4> kNames = {"answered", "refused", "not_sent", "failed"};
  return kNames[static_cast<size_t>(outcome)];
}

int64_t unix_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

}  // namespace

void Counts::note_attempt(const std::string& instance, callbook::Outcome outcome) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (outcome == callbook::Outcome::kAnswered) {
    ++answered_[instance];
  } else if (outcome == callbook::Outcome::kRefused) {
    ++total_.refused;
  } else {
    ++total_.failed;
    events_ += fmt::format("attempt instance={} outcome={} at_ms={}\n", instance, name_of(outcome),
                           unix_ms());
  }
}

void Counts::note_call(const callbook::CallResult& result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++total_.calls;
  if (result.attempts > 1) total_.retries += result.attempts - 1;
  if (result) return;
  ++total_.failures;
  events_ += fmt::format("failure at_ms={} attempts={} error={}\n", unix_ms(), result.attempts,
                         result.error);
}

std::string Counts::take_report() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string report = std::exchange(events_, {});
  report += text_of({total_.calls - reported_.calls, total_.refused - reported_.refused,
                     total_.failed - reported_.failed, total_.retries - reported_.retries,
                     total_.failures - reported_.failures});
  for (const auto& [instance, calls] : answered_) report += fmt::format(" {}={}", instance, calls);
  answered_.clear();
  reported_ = total_;
  return report;
}

std::string Counts::totals() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return text_of(total_);
}

uint64_t Counts::failures() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return total_.failures;
}

std::string Counts::text_of(const Numbers& numbers) {
  return fmt::format("calls={} refused={} failed={} retries={} failures={}", numbers.calls,
                     numbers.refused, numbers.failed, numbers.retries, numbers.failures);
}

Load::Load(uint32_t per_second, uint32_t threads, One one)
    : interval_(std::chrono::nanoseconds(1'000'000'000) / per_second), one_(std::move(one)) {
  for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

Load::~Load() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    over_ = true;
  }
  ended_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Load::run() {
  for (;;) {
    const uint64_t number = next_.fetch_add(1);
    if (!wait_until(start_ + interval_ * static_cast<int64_t>(number))) return;
    one_(number);
  }
}

bool Load::wait_until(std::chrono::steady_clock::time_point due) {
  std::unique_lock<std::mutex> lock(mutex_);
  return !ended_.wait_until(lock, due, [this] { return over_; });
}

}  // namespace examples
