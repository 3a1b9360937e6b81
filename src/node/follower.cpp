#include "node/follower.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace callbook::node {
namespace {

constexpr int64_t kTickMs = 200;
/// A node says something every second.
constexpr int64_t kSilentMs = 4'000;
/// A node that has lost its own cluster is left for another after so long.
constexpr int64_t kOutOfTouchMs = 10'000;
constexpr int64_t kLeastRetryMs = 250;
constexpr int64_t kMostRetryMs = 10'000;

core::RegistryOptions options_of(const core::RegistryOptions& own, const std::string& datacenter) {
  core::RegistryOptions options;
  options.node = fmt::format("{}, a mirror of {}", own.node, datacenter);
  options.datacenter = datacenter;
  options.timing = own.timing;
  options.boot = own.boot;
  options.mirror = true;
  return options;
}

}  // namespace

Follower::Follower(Parts parts, FollowedNodes nodes, const core::RegistryOptions& own,
                   Deliver deliver)
    : parts_(parts),
      nodes_(std::move(nodes)),
      deliver_(std::move(deliver)),
      mirror_(options_of(own, nodes_.datacenter)),
      patience_ms_(kLeastRetryMs) {}

Follower::~Follower() = default;

void Follower::start() {
  connect(now_ms());
  ticker_ = parts_.loop->every(kTickMs, [this] { tick(); });
}

void Follower::stop() {
  ticker_.reset();
  reader_.reset();
}

void Follower::tick() {
  static_cast<void>(mirror_.step(core::AdvanceTime{}, parts_.clock->now(), outputs_));
  outputs_.clear();
  publish(false);
  const int64_t now = now_ms();
  if (!given_up_ && should_leave(now)) {
    ended(base::Error{base::ErrorCode::kIo, "follow", "is silent, or has lost its own cluster",
                      std::nullopt});
  }
  if (given_up_) reader_.reset();
  if (given_up_ && now >= retry_ms_) connect(now);
}

bool Follower::should_leave(int64_t now_ms) const {
  if (now_ms - progress_ms_ > kSilentMs) return true;
  const bool out_of_touch = now_ms - std::max(heard_ms_, connected_ms_) > kOutOfTouchMs;
  return out_of_touch && nodes_.nodes.size() > 1 && !mirror_.loading();
}

void Follower::connect(int64_t now_ms) {
  const Endpoint& node = nodes_.nodes[next_node_];
  next_node_ = (next_node_ + 1) % nodes_.nodes.size();
  source_ = to_text(node);
  given_up_ = false;
  connected_ms_ = now_ms;
  progress_ms_ = now_ms;
  reader_ = std::make_unique<peer::SnapshotReader>(
      *parts_.loop, node.host, node.port, true,
      peer::SnapshotReader::Callbacks{[this](const peer::SnapshotFramePtr& frame) { take(frame); },
                                      [this](const base::Status& status) { ended(status); }});
}

void Follower::take(const peer::SnapshotFramePtr& frame) {
  using Kind = peer::SnapshotFrame::Kind;
  if (given_up_) return;
  progress_ms_ = now_ms();
  if (frame->kind == Kind::kBeginning && frame->datacenter != nodes_.datacenter) {
    return ended(base::Error{
        base::ErrorCode::kConflict, "follow",
        fmt::format("is of data center '{}', not of {}", frame->datacenter, nodes_.datacenter),
        std::nullopt});
  }
  const core::MirrorRecords input{frame->kind == Kind::kBeginning, frame->kind == Kind::kEnd,
                                  frame->records};
  static_cast<void>(mirror_.step(input, parts_.clock->now(), outputs_));
  outputs_.clear();
  if (frame->kind == Kind::kEnd) {
    ++snapshots_;
    complaint_.clear();
    parts_.logger->info("follow: has all of {} from {}", nodes_.datacenter, source_);
  }
  const bool in_touch = frame->kind == Kind::kChanges && frame->in_touch && !mirror_.loading();
  if (in_touch) {
    heard_ms_ = progress_ms_;
    patience_ms_ = kLeastRetryMs;
  }
  publish(in_touch);
}

void Follower::ended(const base::Status& status) {
  given_up_ = true;
  retry_ms_ = now_ms() + patience_ms_;
  patience_ms_ = std::min(2 * patience_ms_, kMostRetryMs);
  const std::string complaint = fmt::format("{} at {}: {}", nodes_.datacenter, source_,
                                            status.ok() ? "ended" : status.error().to_string());
  if (std::exchange(complaint_, complaint) == complaint) return;
  parts_.logger->warn("follow: {}", complaint);
}

/// `tells`: of the time that has passed, though nothing has changed.
void Follower::publish(bool tells) {
  core::Publication changes = mirror_.publish();
  if (changes.empty() && !tells) return;
  std::shared_ptr<const core::Publication> publication;
  if (!changes.empty()) {
    publication = std::make_shared<const core::Publication>(std::move(changes));
  }
  deliver_(std::move(publication), !mirror_.loading(), heard_ms_);
}

FollowReport Follower::report() const {
  const core::Registry::Counts counts = mirror_.counts();
  FollowReport report;
  report.datacenter = nodes_.datacenter;
  report.source = source_;
  report.whole = !mirror_.loading();
  report.silent_ms = heard_ms_ == 0 ? -1 : now_ms() - heard_ms_;
  report.services = counts.services;
  report.instances = counts.instances;
  report.snapshots = snapshots_;
  return report;
}

}  // namespace callbook::node
