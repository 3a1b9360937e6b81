#include "sdk/shares.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "sdk/callable.h"

namespace callbook::sdk {
namespace {

using Fitness = LocalHealth::Fitness;

/// The share of one that fails here while too many do.
constexpr uint32_t kFailingPercent = 10;

Standing standing_of(const InstanceList& list) {
  const auto up = std::count_if(list.begin(), list.end(), [](const InstanceList::Held& held) {
    return held.instance->state == kDefaultState;
  });
  return {static_cast<size_t>(up), list.largest()};
}

struct Callable {
  const InstancePtr& instance;
  size_t place = 0;
  Fitness fitness = Fitness::kFit;
  uint32_t percent = 100;
};

std::vector<Callable> callable_ones(const InstanceList& list, const LocalHealth& health,
                                    int64_t now_ms) {
  const Standing standing = standing_of(list);
  std::vector<Callable> all;
  all.reserve(list.size());
  size_t place = 0;
  for (const InstanceList::Held& held : list) {
    const size_t here = place++;
    const Instance& instance = *held.instance;
    if (instance.weight == 0 || !may_be_called(instance.state, standing)) continue;
    all.push_back({held.instance, here, health.fitness(instance.id),
                   health.share_percent(instance.id, now_ms)});
  }
  return all;
}

}  // namespace

std::vector<Share> shares_of(const InstanceList& list, const LocalHealth& health, int64_t now_ms) {
  const std::vector<Callable> all = callable_ones(list, health, now_ms);
  const auto failing =
      static_cast<size_t>(std::count_if(all.begin(), all.end(), [](const Callable& one) {
        return one.fitness == Fitness::kEjected;
      }));
  const bool too_many_fail = failing * 2 > all.size();
  std::vector<Share> shares;
  shares.reserve(all.size());
  for (const Callable& one : all) {
    const bool fails = one.fitness == Fitness::kEjected;
    const uint32_t percent = fails && too_many_fail ? kFailingPercent : one.percent;
    if (percent == 0) continue;
    shares.push_back({one.instance, one.instance->weight * percent, one.place});
  }
  if (!shares.empty()) return shares;
  for (const Callable& one : all) {
    shares.push_back({one.instance, one.instance->weight * 100, one.place});
  }
  return shares;
}

std::string why_none_is_callable(const InstanceList& list) {
  if (list.empty()) return "no instance is registered";
  const Standing standing = standing_of(list);
  std::map<std::string, size_t> states;
  size_t weightless = 0;
  for (const InstanceList::Held& held : list) {
    const Instance& instance = *held.instance;
    if (!may_be_called(instance.state, standing)) {
      ++states[instance.state];
    } else if (instance.weight == 0) {
      ++weightless;
    } else {
      return {};
    }
  }
  std::string why;
  const auto add = [&why](size_t count, std::string_view verb, std::string_view what) {
    why += fmt::format("{}{} {} {}", why.empty() ? "" : ", ", count, verb, what);
  };
  for (const auto& [state, count] : states) add(count, count == 1 ? "is" : "are", state);
  if (weightless > 0) add(weightless, weightless == 1 ? "has" : "have", "weight 0");
  return fmt::format("none of {} instance{} may be called: {}", list.size(),
                     list.size() == 1 ? "" : "s", why);
}

}  // namespace callbook::sdk
