#include "sdk/retry_budget.h"

namespace callbook::sdk {

RetryBudget::Second& RetryBudget::second_at(int64_t now_ms) {
  const int64_t number = now_ms / 1'000;
  Second& second = seconds_[static_cast<size_t>(number) % kSeconds];
  int64_t held = second.number.load();
  if (held != number && second.number.compare_exchange_strong(held, number)) {
    second.calls.store(0);
    second.retries.store(0);
  }
  return second;
}

void RetryBudget::note_call(int64_t now_ms) {
  second_at(now_ms).calls.fetch_add(1, std::memory_order_relaxed);
}

bool RetryBudget::take(int64_t now_ms) {
  Second& present = second_at(now_ms);
  const int64_t oldest = now_ms / 1'000 - static_cast<int64_t>(kSeconds) + 1;
  uint64_t calls = 0;
  uint64_t retries = 0;
  for (const Second& second : seconds_) {
    if (second.number.load() < oldest) continue;
    calls += second.calls.load(std::memory_order_relaxed);
    retries += second.retries.load(std::memory_order_relaxed);
  }
  if (static_cast<double>(retries) >=
      static_cast<double>(kAlways) + share_ * static_cast<double>(calls)) {
    return false;
  }
  present.retries.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace callbook::sdk
