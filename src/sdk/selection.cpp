#include "sdk/selection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace callbook::sdk {
namespace {

constexpr int kDrawsBeforeScan = 8;
constexpr uint64_t kAlways = uint64_t{1} << 32;

/// The one with less to do for its weight, as Choice::kLeastLoaded says. Without the rule for idle
/// ones, light members would never be called by somebody who has one call at a time.
const Member& less_loaded(const Member& first, const Member& second) {
  const uint64_t first_calls = first.outstanding();
  const uint64_t second_calls = second.outstanding();
  if (first_calls == 0 && second_calls == 0) return first;
  const bool second_has_less =
      (second_calls + 1) * first.weight < (first_calls + 1) * second.weight;
  return second_has_less ? second : first;
}

uint64_t stay_below(const Selection::Home& home) {
  const auto registered = static_cast<double>(home.registered_weight);
  const auto usable = static_cast<double>(home.usable_weight);
  if (usable >= registered * kSpillBelow) return kAlways;
  return static_cast<uint64_t>(usable / (registered * kSpillBelow) * 0x1p32);
}

std::vector<uint32_t> weights_of(const std::vector<Member>& members, size_t begin, size_t end) {
  std::vector<uint32_t> weights;
  weights.reserve(end - begin);
  for (size_t i = begin; i < end; ++i) weights.push_back(members[i].weight);
  return weights;
}

/// Two draws by weight from what is offered one by one, how many being unknown.
class Reservoir {
 public:
  void offer(const Member& member, SplitMix& draws) {
    total_ += member.weight;
    if (draws.next_unit() * total_ < member.weight) first_ = &member;
    if (draws.next_unit() * total_ < member.weight) second_ = &member;
  }
  bool is_empty() const { return total_ == 0; }
  const Member& first() const { return *first_; }
  const Member& second() const { return *second_; }

 private:
  double total_ = 0;
  const Member* first_ = nullptr;
  const Member* second_ = nullptr;
};

}  // namespace

Selection::Side::Side(const std::vector<Member>& members, size_t begin, size_t end,
                      const Settings& settings)
    : first(members.data() + begin),
      size(end - begin),
      table(weights_of(members, begin, end)),
      order(settings.choice == Choice::kRoundRobin ? weights_of(members, begin, end)
                                                   : std::vector<uint32_t>()),
      turn(settings.first_turn) {}

Selection::Selection(std::vector<Member> members, const Settings& settings)
    : members_(std::move(members)), choice_(settings.choice), first_turn_(settings.first_turn) {
  for (const Member& member : members_) {
    CALLBOOK_CHECK(member.instance != nullptr && member.candidate != nullptr && member.weight > 0);
  }
  if (choice_ == Choice::kConsistentHash) {
    const auto id = [](const Member& member) -> const std::string& { return member.instance->id; };
    if (!std::ranges::is_sorted(members_, {}, id)) std::ranges::sort(members_, {}, id);
    by_key_.emplace(members_);
    return;
  }
  const size_t at_home = move_home_to_front(settings);
  home_.emplace(members_, 0, at_home, settings);
  away_.emplace(members_, at_home, members_.size(), settings);
  stay_below_ = stay_below(settings.home);
}

size_t Selection::move_home_to_front(const Settings& settings) {
  const std::string& zone = settings.home.zone;
  if (zone.empty()) return members_.size();
  const auto end = std::stable_partition(
      members_.begin(), members_.end(),
      [&zone](const Member& member) { return member.instance->zone == zone; });
  return static_cast<size_t>(end - members_.begin());
}

const Member* Selection::choose(const Wanted& wanted, uint64_t random) const {
  SplitMix draws(random);
  if (by_key_) return by_key_->choose(wanted, draws);
  if (members_.empty()) return nullptr;
  const Side& side = side_for_call(draws);
  if (wanted.is_picky()) {
    const Member* fitting = draw_fitting(side, wanted, draws);
    return fitting != nullptr ? fitting : scan(side, wanted, draws);
  }
  return choice_ == Choice::kRoundRobin ? take_turn(side) : less_loaded_of_two(side, draws);
}

uint32_t Selection::next_turn() const {
  if (!home_) return first_turn_;
  // Where one side has all calls, which is the rule, this goes on exactly where it was.
  return home_->turn.load(std::memory_order_relaxed) + away_->turn.load(std::memory_order_relaxed) -
         first_turn_;
}

const Selection::Side& Selection::side_for_call(SplitMix& draws) const {
  if (away_->size == 0) return *home_;
  if (home_->size == 0) return *away_;
  if (stay_below_ == kAlways) return *home_;
  return draws.next() >> 32 < stay_below_ ? *home_ : *away_;
}

const Member* Selection::draw(const Side& side, SplitMix& draws) const {
  return side.first + side.table.draw(draws.next());
}

const Member* Selection::take_turn(const Side& side) const {
  return side.first + side.order.at(side.turn.fetch_add(1, std::memory_order_relaxed));
}

const Member* Selection::less_loaded_of_two(const Side& side, SplitMix& draws) const {
  const Member* first = draw(side, draws);
  const Member* second = draw(side, draws);
  if (first == second) {  // two of a few: the next stands in, so that there is something to compare
    const Member* next = first + 1;
    second = side.contains(next) ? next : side.first;
  }
  return &less_loaded(*first, *second);
}

const Member* Selection::draw_fitting(const Side& side, const Wanted& wanted,
                                      SplitMix& draws) const {
  const bool in_turns = choice_ == Choice::kRoundRobin;
  const Member* found = nullptr;
  for (int i = 0; i < kDrawsBeforeScan; ++i) {
    const Member* drawn = in_turns ? take_turn(side) : draw(side, draws);
    if (drawn == found || wanted.avoids(*drawn) || !wanted.admits(*drawn)) continue;
    if (in_turns) return drawn;
    if (found != nullptr) return &less_loaded(*found, *drawn);
    found = drawn;
  }
  return found;
}

const Member* Selection::scan(const Side& side, const Wanted& wanted, SplitMix& draws) const {
  std::array<Reservoir, 4> ranks;  // of this side; of the other; and the same of the avoided
  for (const Member& member : members_) {
    if (!wanted.admits(member)) continue;
    const size_t rank = (wanted.avoids(member) ? 2 : 0) + (side.contains(&member) ? 0 : 1);
    ranks[rank].offer(member, draws);
  }
  for (const Reservoir& rank : ranks) {
    if (rank.is_empty()) continue;
    return choice_ == Choice::kRoundRobin ? &rank.first()
                                          : &less_loaded(rank.first(), rank.second());
  }
  return nullptr;
}

}  // namespace callbook::sdk
