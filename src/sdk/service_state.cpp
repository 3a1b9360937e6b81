#include "sdk/service_state.h"

#include <algorithm>
#include <utility>

#include "base/address.h"
#include "sdk/fast_random.h"

namespace callbook {

Pick::Pick(std::shared_ptr<sdk::ServiceState> service, InstancePtr instance,
           std::shared_ptr<sdk::Candidate> candidate)
    : service_(std::move(service)),
      instance_(std::move(instance)),
      candidate_(std::move(candidate)) {
  candidate_->outstanding.fetch_add(1, std::memory_order_relaxed);
  period_ = candidate_->period.load(std::memory_order_relaxed);
}

Pick& Pick::operator=(Pick&& other) noexcept {
  end_without_a_word();
  service_ = std::move(other.service_);
  instance_ = std::move(other.instance_);
  candidate_ = std::move(other.candidate_);
  period_ = other.period_;
  return *this;
}

Pick::~Pick() {
  end_without_a_word();
}

void Pick::end_without_a_word() {
  const bool news = candidate_ != nullptr && candidate_->watched.load(std::memory_order_relaxed);
  settle();
  if (news) service_->tell({sdk::Feedback::Kind::kEnded, instance_, period_, {}});
}

void Pick::settle() {
  if (candidate_ == nullptr) return;
  candidate_->outstanding.fetch_sub(1, std::memory_order_relaxed);
  candidate_.reset();
}

std::string Pick::endpoint(std::string_view port_name) const {
  const Instance& instance = *instance_;
  const auto named = instance.ports.find(std::string(port_name));
  const uint16_t port = named == instance.ports.end() ? instance.port : named->second;
  return base::host_port(instance.address, port);
}

void Pick::succeeded() {
  // News only of one that has failed here: calls that go well touch nothing that is shared.
  const bool news = candidate_ != nullptr && (candidate_->doubted.load(std::memory_order_relaxed) ||
                                              candidate_->watched.load(std::memory_order_relaxed));
  settle();
  if (news) service_->tell({sdk::Feedback::Kind::kSucceeded, instance_, period_, {}});
}

void Pick::failed(const std::string& reason) {
  // A call from before it was left out, and found again, says nothing of what it is now.
  const bool old =
      candidate_ != nullptr && candidate_->period.load(std::memory_order_relaxed) != period_;
  if (candidate_ != nullptr && !old) candidate_->doubted.store(true, std::memory_order_relaxed);
  settle();
  if (!old) service_->tell({sdk::Feedback::Kind::kFailed, instance_, period_, reason});
}

void Pick::refused() {
  settle();
  service_->tell({sdk::Feedback::Kind::kRefused, instance_, period_, {}});
}

}  // namespace callbook

namespace callbook::sdk {
namespace {

/// To find one that has not just failed, and is not being tried.
constexpr int kDraws = 6;

}  // namespace

ServiceState::ServiceState(ServiceName name, ServiceOptions options, TellClient tell)
    : name_(std::move(name)),
      options_(std::move(options)),
      tell_(std::move(tell)),
      budget_(options_.retry_share),
      view_(std::unique_ptr<const View>(new View{Selection({}, {}), {}, Source::kNone, {}})) {}

std::optional<Pick> ServiceState::pick(const PickOptions& options) {
  const Wanted wanted{options.key, options.filter, options.avoid};
  return view_.read([&](const View& view) -> std::optional<Pick> {
    const Member* member = choose(view, wanted);
    if (member == nullptr) return std::nullopt;
    return Pick(shared_from_this(), member->instance, member->candidate);
  });
}

/// One that has just failed may still be in the selection, and is if too many fail; one on trial is
/// tried by one call at a time. Both are taken only if no other is found.
const Member* ServiceState::choose(const View& view, const Wanted& wanted) const {
  const Member* member = view.selection.choose(wanted, fast_random());
  if (member == nullptr || member->candidate->is_free()) return member;
  if (options_.choice == Choice::kConsistentHash) {  // the key leads to the same one again
    std::vector<std::string> avoided;
    if (wanted.avoid != nullptr) avoided = *wanted.avoid;
    avoided.push_back(member->instance->id);
    Wanted others = wanted;
    others.avoid = &avoided;
    const Member* other = view.selection.choose(others, fast_random());
    return other->candidate->is_free() ? other : member;
  }
  for (int draws = 0; draws < kDraws && !member->candidate->is_free(); ++draws) {
    member = view.selection.choose(wanted, fast_random());
  }
  return member;
}

std::vector<InstancePtr> ServiceState::instances() const {
  return view_.read([](const View& view) { return view.instances; });
}

Source ServiceState::source() const {
  return view_.read([](const View& view) { return view.source; });
}

uint32_t ServiceState::next_turn() const {
  return view_.read([](const View& view) { return view.selection.next_turn(); });
}

std::optional<std::chrono::milliseconds> ServiceState::age(base::Now now) const {
  const int64_t confirmed_ms = confirmed_wall_ms_.load();
  if (confirmed_ms == 0) return std::nullopt;
  const int64_t heard_ms = heard_mono_ms_.load();
  const bool is_current = heard_ms != 0 && now.mono_ms - heard_ms <= kLongestSilenceMs;
  if (is_current) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(std::max<int64_t>(now.wall_ms - confirmed_ms, 0));
}

bool ServiceState::wait(std::chrono::milliseconds timeout) const {
  std::unique_lock<std::mutex> lock(mutex_);
  return known_.wait_for(lock, timeout, [&] {
    const Source present = source();
    return present == Source::kCache || present == Source::kRegistry;
  });
}

void ServiceState::await_change(int64_t most_ms) const {
  std::unique_lock<std::mutex> lock(mutex_);
  known_.wait_for(lock, std::chrono::milliseconds(most_ms));
}

std::string ServiceState::trouble() const {
  const std::string none = view_.read([](const View& view) { return view.none_is_callable; });
  const std::lock_guard<std::mutex> lock(mutex_);
  return trouble_.empty() || none.empty() ? trouble_ + none : none + "; " + trouble_;
}

void ServiceState::publish(std::unique_ptr<const View> view) {
  view_.publish(std::move(view));
  const std::lock_guard<std::mutex> lock(mutex_);  // so that who is about to wait is waiting
  known_.notify_all();
}

std::shared_ptr<void> ServiceState::on_change(std::function<void()> changed) {
  auto added = std::make_shared<Subscriber>();
  added->changed = std::move(changed);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    subscribers_.push_back(added);
  }
  // What the user holds; its end is the end of the calls.
  return {added.get(), [added](Subscriber*) {
            const std::lock_guard<std::recursive_mutex> lock(added->calling);
            added->over = true;
          }};
}

void ServiceState::call_subscribers() {
  std::vector<std::shared_ptr<Subscriber>> present;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::erase_if(subscribers_, [](const auto& one) { return one->over; });
    present = subscribers_;
  }
  for (const auto& one : present) {
    const std::lock_guard<std::recursive_mutex> lock(one->calling);
    if (!one->over) one->changed();
  }
}

void ServiceState::set_trouble(std::string trouble) {
  const std::lock_guard<std::mutex> lock(mutex_);
  trouble_ = std::move(trouble);
}

void ServiceState::set_confirmed(int64_t wall_ms, int64_t heard_mono_ms) {
  if (wall_ms != 0) confirmed_wall_ms_.store(wall_ms);
  heard_mono_ms_.store(heard_mono_ms);
}

}  // namespace callbook::sdk
