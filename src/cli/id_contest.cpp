#include "cli/id_contest.h"

#include <utility>

namespace callbook::cli {

IdContest::IdContest(net::EventLoop& loop, sdk::RegistryPoolPtr registries,
                     sdk::ServiceName service, std::string id, sdk::Random random)
    : loop_(loop),
      registries_(std::move(registries)),
      service_(std::move(service)),
      id_(std::move(id)),
      reclaim_(std::move(random)),
      client_(loop, registries_, sdk::NativeClient::kTimeoutMs) {}

void IdContest::lost(std::function<void()> free) {
  reclaim_.lost(clock_.now().mono_ms);
  free_ = std::move(free);
  wait();
}

void IdContest::cancel() {
  free_ = nullptr;
  timer_.reset();
  client_.leave();
}

void IdContest::registered() {
  reclaim_.registered(clock_.now().mono_ms);
}

void IdContest::wait() {
  timer_ = loop_.after(reclaim_.next_look_ms(), [this] { look(); });
}

void IdContest::look() {
  if (!client_.turn()) {
    registries_->found_none();
    return wait();
  }
  client_->get_instance(service_, id_, [this](const auto& listed) { on_look(listed); });
}

void IdContest::on_look(const base::Result<sdk::Instance>& listed) {
  if (!waiting()) return;
  const bool absent = !listed.ok() && listed.error().code == base::ErrorCode::kNotFound;
  if (!listed.ok() && !absent) {
    // Nothing is known of the holder now, and a registry that cannot be asked cannot be told.
    client_.failed(listed.error());
    return wait();
  }
  std::optional<std::string_view> state;
  if (listed.ok()) state = listed->state;
  if (!reclaim_.should_try(state, clock_.now().mono_ms)) return wait();
  const auto free = std::exchange(free_, nullptr);
  free();
}

}  // namespace callbook::cli
