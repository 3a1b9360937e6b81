#include "sim/narrator.h"

#include <cstdio>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

std::string_view name_of(core::Phase phase) {
  switch (phase) {
    case core::Phase::kLoading:
      return "loading";
    case core::Phase::kJoining:
      return "joining";
    case core::Phase::kStale:
      return "stale";
    case core::Phase::kServing:
      return "serving";
  }
  return "unknown";
}

std::string text_of(const core::ServicePublished& change) {
  if (!change.view) return fmt::format("forgets service slot {}", change.index);
  std::string ids;
  change.view->list.for_each([&](const core::ListEntry& entry) {
    ids += ' ';
    ids += entry.id();
  });
  return fmt::format("lists {} v{}:{}", change.view->key.name, change.view->version, ids);
}

}  // namespace

void Narrator::say(std::string_view line) const {
  if (aloud_)
    fmt::print(stderr, "{:>10.3f} {}\n", static_cast<double>(scheduler_.now_ms()) / 1000, line);
}

void Narrator::fault(Fault kind, std::string_view what) {
  if (aloud_) say(fmt::format("FAULT {}: {}", sim::name_of(kind), what));
  next_.fault(kind, what);
}

void Narrator::node_started(size_t node, uint64_t boot) {
  if (aloud_) say(fmt::format("node-{} starts, boot {:016x}", node + 1, boot));
  next_.node_started(node, boot);
}

void Narrator::node_died(size_t node) {
  if (aloud_) say(fmt::format("node-{} is dead", node + 1));
  next_.node_died(node);
}

void Narrator::node_paused(size_t node, int64_t for_ms) {
  if (aloud_) say(fmt::format("node-{} stands still for {} ms", node + 1, for_ms));
  next_.node_paused(node, for_ms);
}

void Narrator::phase_changed(size_t node, core::Phase phase) {
  if (aloud_) say(fmt::format("node-{} is {}", node + 1, name_of(phase)));
  next_.phase_changed(node, phase);
}

void Narrator::published(size_t node, const core::ServicePublished& change) {
  if (aloud_) say(fmt::format("node-{} {}", node + 1, text_of(change)));
  next_.published(node, change);
}

void Narrator::link_changed(std::string_view what, bool up) {
  if (aloud_) say(fmt::format("LINK {} {}", what, up ? "up" : "down"));
  next_.link_changed(what, up);
}

void Narrator::faults_ended() {
  if (aloud_) say("FAULTS END");
  next_.faults_ended();
}

}  // namespace callbook::sim
