#include "sim/consumer_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

using Shown = std::vector<ShownList>;

/// How long consumers that were slowed down may take to catch up.
constexpr int64_t kSlowForMs = 120'000;

/// How long bytes of a process may be read after its death.
constexpr int64_t kInFlightMs = 30'000;  // a slowed consumer takes its time

const Shown kNothingShown;

const Shown& shown_of(const Listings::History& history, uint32_t service) {
  return service < history.services.size() ? history.services[service] : kNothingShown;
}

bool holds(const Shown& shown, size_t from, uint64_t digest) {
  for (size_t i = shown.size(); i > from; --i) {
    if (shown[i - 1].digest == digest) return true;
  }
  return false;
}

/// Whether a list with this digest was the current one at some time since `since_ms`.
bool was_current(const Shown& shown, uint64_t digest, int64_t since_ms) {
  for (size_t i = shown.size(); i > 0; --i) {
    if (shown[i - 1].digest == digest) return true;
    if (shown[i - 1].at_ms < since_ms) return false;
  }
  return false;
}

}  // namespace

void ConsumerChecker::took_event(const ListHolder& holder, size_t list, bool proven,
                                 const std::optional<std::pair<uint64_t, uint64_t>>& id) {
  if (proven) check_shown(holder, list);
  if (!id) return;
  for (size_t i = 0; i < holder.list_count(); ++i) check_reached(holder, i, *id);
}

/// Whether there was a time when the node answered and knew nothing of the service.
bool ConsumerChecker::may_be_unknown(size_t node, uint32_t service) const {
  const Shown& shown = shown_of(evidence_.listings.history(node), service);
  if (shown.empty()) return true;
  const int64_t age_ms = evidence_.now_ms() - evidence_.conditions.started_ms(node);
  const auto& former = evidence_.listings.former(node);
  const bool once_unknown = std::any_of(
      former.begin(), former.end(),
      [&](const Listings::History& history) { return shown_of(history, service).empty(); });
  if (once_unknown && age_ms < kInFlightMs) return true;
  return shown.front().at_ms > evidence_.conditions.answering_since_ms(node);
}

void ConsumerChecker::check_shown(const ListHolder& holder, size_t list) {
  const sdk::Directory& directory = holder.directory(list);
  const std::optional<size_t> node = holder.connected();
  if (!directory.whole() || !node) return;
  const uint64_t digest = directory.instances().digest();
  const uint32_t service = holder.service(list);
  if (holds(shown_of(evidence_.listings.history(*node), service), 0, digest)) return;
  const auto& former = evidence_.listings.former(*node);
  const bool of_former =
      std::any_of(former.begin(), former.end(), [&](const Listings::History& history) {
        return holds(shown_of(history, service), 0, digest);
      });
  if (of_former) return;
  if (digest == 0 && may_be_unknown(*node, service)) return;
  fail(holder, list,
       fmt::format("holds a list of {} instances (digest {:x}) as whole, which its node has never "
                   "published",
                   directory.instances().size(), digest));
}

void ConsumerChecker::check_reached(const ListHolder& holder, size_t list,
                                    std::pair<uint64_t, uint64_t> id) {
  const size_t node = *holder.connected();
  const uint32_t service = holder.service(list);
  const sdk::Directory& directory = holder.directory(list);
  const Listings::History* history = evidence_.listings.history(node, id.first);
  if (history == nullptr) {
    return fail(holder, list,
                fmt::format("was sent an event id of boot {:x}, which its node has "
                            "not had lately",
                            id.first));
  }
  if (!directory.whole()) {
    return fail(
        holder, list,
        fmt::format("was sent event id {:x}:{}, but its list is not whole", id.first, id.second));
  }
  const Shown& shown = shown_of(*history, service);
  const auto above = std::upper_bound(
      shown.begin(), shown.end(), id.second,
      [](uint64_t version, const ShownList& one) { return version < one.version; });
  const auto through = static_cast<size_t>(above - shown.begin());
  const uint64_t digest = directory.instances().digest();
  if (holds(shown, through == 0 ? 0 : through - 1, digest)) return;
  if (digest == 0 && (through == 0 || shown.empty())) return;
  fail(holder, list,
       fmt::format("was sent event id {:x}:{}, but its list (digest {:x}, {} instances) is none "
                   "that its node has published since then (digest {:x} at version {})",
                   id.first, id.second, digest, directory.instances().size(),
                   through == 0 ? 0 : shown[through - 1].digest,
                   through == 0 ? 0 : shown[through - 1].version));
}

void ConsumerChecker::contradicted(const ListHolder& holder, size_t list) {
  fail(holder, list, "was sent a digest that contradicts what it was sent before");
}

void ConsumerChecker::sign_of_life(const ListHolder& holder) {
  const std::optional<size_t> node = holder.connected();
  if (!node || evidence_.now_ms() - slowed_ms_ < kSlowForMs) return;
  if (!evidence_.conditions.untroubled_for(*node, kStaleMs + kStaleMs)) return;
  for (size_t list = 0; list < holder.list_count(); ++list) check_fresh(holder, list);
}

void ConsumerChecker::check_fresh(const ListHolder& holder, size_t list) {
  const size_t node = *holder.connected();
  const sdk::Directory& directory = holder.directory(list);
  const uint32_t service = holder.service(list);
  const Shown& shown = shown_of(evidence_.listings.history(node), service);
  const int64_t since_ms = evidence_.now_ms() - kStaleMs;
  if (!directory.whole()) {
    return fail(holder, list, "was sent a sign of life, but its list is not whole");
  }
  const uint64_t digest = directory.instances().digest();
  if (was_current(shown, digest, since_ms)) return;
  if (digest == 0 && (shown.empty() || shown.front().at_ms >= since_ms)) return;
  fail(holder, list,
       fmt::format("was sent a sign of life, but its list (digest {:x}, {} instances) has been out "
                   "of date for over {} s",
                   digest, directory.instances().size(), kStaleMs / 1000));
}

void ConsumerChecker::finish() {
  for (const ListHolder* holder : holders_) {
    const std::optional<size_t> node = holder->connected();
    for (size_t list = 0; list < holder->list_count(); ++list) {
      if (!node) {
        fail(*holder, list, "is connected to no node at the end");
        continue;
      }
      const sdk::Directory& directory = holder->directory(list);
      const uint64_t expected = evidence_.listings.digest(*node, holder->service(list));
      const uint64_t seen = directory.instances().digest();
      if (directory.whole() && seen == expected) continue;
      fail(
          *holder, list,
          fmt::format("holds at the end a list with digest {:x} ({} instances, {}), while its node "
                      "publishes digest {:x} ({} instances)",
                      seen, directory.instances().size(), directory.whole() ? "whole" : "not whole",
                      expected, evidence_.listings.size(*node, holder->service(list))));
    }
  }
}

void ConsumerChecker::fail(const ListHolder& holder, size_t list, std::string text) {
  const uint32_t service = holder.service(list);
  Finding finding;
  finding.checker = "consumer";
  finding.node = holder.connected().value_or(kNobody);
  finding.focus.services.push_back(service);
  finding.text = fmt::format("consumer {} of service {} {}", holder.client(),
                             evidence_.truth.service(service).name, text);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
