#include "sim/feature_checker.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/node_beat.h"

namespace callbook::sim {
namespace {

constexpr auto kFeature = core::RecordFeature::kLaterCauses;
/// A beat may have been on its way for so long, or have waited for a process that was stopped.
constexpr int64_t kLateBeatMs = 60'000;
/// What the last fault leaves behind: a bus that is found again.
constexpr int64_t kSettledMs = 30'000;

}  // namespace

void FeatureChecker::node_started(size_t node) {
  const int64_t claimed_ms = nodes_[node].claimed_ms;
  nodes_[node] = Node();
  nodes_[node].started_ms = evidence_.now_ms();
  nodes_[node].claimed_ms = claimed_ms;
}

void FeatureChecker::on_step(size_t node, const Step& step) {
  if (!evidence_.settings.former_releases) return;
  Node& own = nodes_[node];
  own.mono_ms = step.now.mono_ms;
  if (const auto* input = std::get_if<core::HearBeat>(&step.input)) {
    const auto beat = core::decode_beat(input->bytes);
    const bool foreign = beat.ok() && beat->node != step.registry.options().node;
    if (foreign) {
      own.heard[beat->node] = {(beat->reads & bit_of(kFeature)) != 0, step.now.mono_ms};
    }
  }
  if (!step.registry.every_node_reads(kFeature, step.now)) return;
  judge(node, step.now);
  own.claimed_ms = evidence_.now_ms();
}

void FeatureChecker::judge(size_t node, base::Now now) {
  const Node& own = nodes_[node];
  const int64_t absent_ms = evidence_.settings.timing.absent_node_ms;
  for (const auto& [name, heard] : own.heard) {
    const int64_t ago_ms = now.mono_ms - heard.mono_ms;
    if (heard.reads || ago_ms >= absent_ms) continue;
    return fail(node, fmt::format("says that every node reads a feature, and has heard {} ms ago "
                                  "from {}, which does not",
                                  ago_ms, name));
  }
  if (evidence_.now_ms() - own.started_ms >= absent_ms) return;
  const auto vouches = [&](const Node& other) {
    return &other != &own && other.claimed_ms >= own.started_ms - kLateBeatMs;
  };
  if (std::any_of(nodes_.begin(), nodes_.end(), vouches)) return;
  fail(node,
       "says that every node reads a feature, but has not listened for long, nor has anybody "
       "told it so");
}

/// Whether a process of the former release has gone on to run, or did until lately.
bool FeatureChecker::hears_former(size_t node) const {
  const Node& own = nodes_[node];
  const int64_t lately_ms = evidence_.settings.timing.absent_node_ms + kSettledMs;
  return std::any_of(own.heard.begin(), own.heard.end(), [&](const auto& entry) {
    return !entry.second.reads && own.mono_ms - entry.second.mono_ms < lately_ms;
  });
}

void FeatureChecker::finish(const std::vector<const core::Registry*>& nodes) {
  const Settings& settings = evidence_.settings;
  const int64_t ended_ms = evidence_.conditions.faults_ended_ms();
  const bool settled = evidence_.now_ms() - ended_ms > settings.timing.absent_node_ms + kSettledMs;
  if (!settings.former_releases || !settled) return;
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (nodes[node] == nullptr || hears_former(node)) continue;
    if (evidence_.now_ms() - nodes_[node].claimed_ms < kSettledMs) continue;
    fail(node, "does not say in the end that every node reads a feature");
  }
}

void FeatureChecker::fail(size_t node, std::string text) {
  Finding finding;
  finding.checker = "features";
  finding.node = node;
  finding.text = std::move(text);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
