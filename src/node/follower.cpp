#include "node/follower.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace callbook::node {
namespace {

constexpr int64_t kTickMs = 200;
/// A node says something every second.
constexpr int64_t kSilentMs = 4'000;
/// A node that has lost its own cluster is left for another after so long; then, while none is
/// better, ever more seldom, since each move costs a whole snapshot.
constexpr int64_t kOutOfTouchMs = 10'000;
constexpr int64_t kMostOutOfTouchMs = 600'000;
/// What a node without its cluster tells is shown when none has done better for so long.
constexpr int64_t kShowAnywayMs = 2'000;
constexpr size_t kMostComplaints = 100;
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
      patience_ms_(kLeastRetryMs),
      touch_patience_ms_(kOutOfTouchMs) {}

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
  if (!given_up_) look_at(now);
  if (given_up_) reader_.reset();
  if (given_up_ && now >= retry_ms_) connect(now);
}

/// Whether the node that is followed is still worth it.
void Follower::look_at(int64_t now_ms) {
  if (reader_->bytes() != std::exchange(seen_bytes_, reader_->bytes())) progress_ms_ = now_ms;
  if (now_ms - progress_ms_ > kSilentMs) return give_up("is silent");
  if (told_all_ms_ == 0 || nodes_.nodes.size() == 1) return;
  if (now_ms - std::max(heard_ms_, told_all_ms_) <= touch_patience_ms_) return;
  touch_patience_ms_ = std::min(2 * touch_patience_ms_, kMostOutOfTouchMs);
  give_up("has lost its own cluster");
}

void Follower::connect(int64_t now_ms) {
  const Endpoint& node = nodes_.nodes[next_node_];
  next_node_ = (next_node_ + 1) % nodes_.nodes.size();
  source_ = to_text(node);
  given_up_ = false;
  seen_bytes_ = 0;
  told_all_ms_ = 0;
  progress_ms_ = now_ms;
  reader_ = std::make_unique<peer::SnapshotReader>(
      *parts_.loop, node.host, node.port, true,
      peer::SnapshotReader::Callbacks{[this](const peer::SnapshotFramePtr& frame) { take(frame); },
                                      [this](const base::Status& status) {
                                        give_up(status.ok() ? "has ended"
                                                            : status.error().to_string());
                                      }});
}

void Follower::take(const peer::SnapshotFramePtr& frame) {
  using Kind = peer::SnapshotFrame::Kind;
  if (given_up_) return;
  if (frame->kind == Kind::kBeginning && frame->datacenter != nodes_.datacenter) {
    return give_up(frame->datacenter.empty()
                       ? "does not say of which data center it is: its release is too old"
                       : fmt::format("is of data center '{}', not of {}", frame->datacenter,
                                     nodes_.datacenter));
  }
  const core::MirrorRecords input{frame->kind == Kind::kBeginning, frame->kind == Kind::kEnd,
                                  frame->records};
  static_cast<void>(mirror_.step(input, parts_.clock->now(), outputs_));
  outputs_.clear();
  if (frame->kind == Kind::kEnd) {
    ++snapshots_;
    told_all_ms_ = std::max<int64_t>(now_ms(), 1);
    if (whole_ms_ == 0) whole_ms_ = told_all_ms_;
    parts_.logger->info("follow: has all of {} from {}", nodes_.datacenter, source_);
  }
  const bool in_touch = frame->kind == Kind::kChanges && frame->in_touch && told_all_ms_ != 0;
  if (in_touch) {
    heard_ms_ = std::max<int64_t>(now_ms(), 1);
    patience_ms_ = kLeastRetryMs;
    touch_patience_ms_ = kOutOfTouchMs;
    complaints_.clear();
  }
  publish(in_touch);
}

void Follower::give_up(std::string why) {
  if (std::exchange(given_up_, true)) return;
  retry_ms_ = now_ms() + patience_ms_;
  patience_ms_ = std::min(2 * patience_ms_, kMostRetryMs);
  std::string complaint = fmt::format("{} at {} {}", nodes_.datacenter, source_, why);
  if (complaints_.size() >= kMostComplaints) complaints_.clear();
  const auto [said, is_new] = complaints_.insert(std::move(complaint));
  if (is_new) parts_.logger->warn("follow: {}", *said);
}

/// Something can be shown, with its age: a node in touch with its own cluster, which says so within
/// a second, or, failing that, what one without has told.
bool Follower::is_whole() const {
  if (whole_ms_ == 0) return false;
  return heard_ms_ != 0 || now_ms() - whole_ms_ > kShowAnywayMs;
}

/// `tells`: of the time that has passed, though nothing has changed.
void Follower::publish(bool tells) {
  core::Publication changes = mirror_.publish();
  const bool became_whole = !shown_ && is_whole();
  shown_ |= became_whole;
  if (changes.empty() && !tells && !became_whole) return;
  std::shared_ptr<const core::Publication> publication;
  if (!changes.empty()) {
    publication = std::make_shared<const core::Publication>(std::move(changes));
  }
  deliver_(std::move(publication), shown_, heard_ms_);
}

FollowReport Follower::report() const {
  const core::Registry::Counts counts = mirror_.counts();
  FollowReport report;
  report.datacenter = nodes_.datacenter;
  report.source = source_;
  report.whole = shown_;
  report.silent_ms = heard_ms_ == 0 ? -1 : now_ms() - heard_ms_;
  report.services = counts.services;
  report.instances = counts.instances;
  report.snapshots = snapshots_;
  return report;
}

}  // namespace callbook::node
