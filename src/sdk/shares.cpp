#include "sdk/shares.h"

#include <algorithm>
#include <string_view>

namespace callbook::sdk {
namespace {

using Fitness = LocalHealth::Fitness;

/// The share of one that fails here while too many do.
constexpr uint32_t kFailingPercent = 10;

enum class Standing : uint8_t { kSure, kDoubtful, kNever };

Standing standing_of(const Instance& instance) {
  const std::string_view state = instance.state;
  if (instance.weight == 0 || state == "down" || state == "draining" || state == "out_of_service") {
    return Standing::kNever;
  }
  return state == "up" || state == "unattended" ? Standing::kSure : Standing::kDoubtful;
}

struct Callable {
  const InstancePtr& instance;
  size_t place = 0;
  bool sure = false;
  Fitness fitness = Fitness::kFit;
  uint32_t percent = 100;
};

/// Those with a share of their own, the doubtful ones only if wanted.
std::vector<Share> fit_ones(const std::vector<Callable>& all, bool doubtful_too) {
  std::vector<Share> shares;
  shares.reserve(all.size());
  for (const Callable& one : all) {
    if (one.percent == 0 || (!one.sure && !doubtful_too)) continue;
    shares.push_back({one.instance, one.instance->weight * one.percent, one.place});
  }
  return shares;
}

bool sure_ones_suffice(const std::vector<Callable>& all) {
  uint64_t sure = 0;
  uint64_t whole = 0;
  for (const Callable& one : all) {
    whole += one.instance->weight;
    if (one.sure && one.percent > 0) sure += one.instance->weight;
  }
  return sure > 0 && sure * 2 >= whole;
}

}  // namespace

std::vector<Share> shares_of(const InstanceList& list, const LocalHealth& health, int64_t now_ms) {
  std::vector<Callable> all;
  all.reserve(list.size());
  size_t place = 0;
  for (const InstanceList::Held& held : list) {
    const size_t here = place++;
    const Standing standing = standing_of(*held.instance);
    if (standing == Standing::kNever) continue;
    const std::string& id = held.instance->id;
    all.push_back({held.instance, here, standing == Standing::kSure, health.fitness(id),
                   health.share_percent(id, now_ms)});
  }
  std::vector<Share> shares = fit_ones(all, !sure_ones_suffice(all));
  const auto failing =
      static_cast<size_t>(std::count_if(all.begin(), all.end(), [](const Callable& one) {
        return one.fitness == Fitness::kEjected;
      }));
  if (failing * 2 > all.size()) {
    shares = fit_ones(all, true);
    for (const Callable& one : all) {
      if (one.fitness != Fitness::kEjected) continue;
      shares.push_back({one.instance, one.instance->weight * kFailingPercent, one.place});
    }
  }
  if (!shares.empty()) return shares;
  for (const Callable& one : all) {
    shares.push_back({one.instance, one.instance->weight * 100, one.place});
  }
  return shares;
}

}  // namespace callbook::sdk
