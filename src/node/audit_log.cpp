#include "node/audit_log.h"

#include <limits>

namespace callbook::node {

using base::LogLevel;
using base::LogLine;

namespace {

/// Takes out the windows that began at `until_ms` or before, and appends their lines, or, if there
/// were too many to be told singly, what `sum` makes of the entry.
template <typename Windows, typename Sum>
void close(Windows& windows, int64_t until_ms, std::vector<LogLine>& due, Sum sum) {
  for (auto next = windows.begin(); next != windows.end();) {
    auto& window = next->second;
    if (window.since.mono_ms > until_ms) {
      ++next;
      continue;
    }
    if (window.count > AuditLog::kMostSingly) {
      LogLine line = sum(*next);
      line.wall_ms = window.since.wall_ms;
      due.push_back(std::move(line));
    } else {
      for (LogLine& line : window.singly) due.push_back(std::move(line));
    }
    next = windows.erase(next);
  }
}

}  // namespace

void AuditLog::note(const core::Input& input, const base::Result<core::Reply>& reply,
                    const core::Caller& caller, base::Now now) {
  if (least_ > LogLevel::kInfo) return;
  if (auto act = act_of(input)) {
    if (reply.ok()) {
      due_.push_back(act_line(input, *reply, caller));
    } else {
      note(core::RefusedAct{std::move(*act), reply.error(), caller}, now);
    }
    return;
  }
  if (reply.ok()) {
    if (!counts_.any()) counted_since_ms_ = now.mono_ms;
    count(*reply);
  }
  if (least_ == LogLevel::kInfo) return;
  if (auto line = provider_line(input, reply, caller, least_)) due_.push_back(std::move(*line));
}

void AuditLog::count(const core::Reply& reply) {
  using Effect = core::InstanceRegistered::Effect;
  if (const auto* registered = std::get_if<core::InstanceRegistered>(&reply)) {
    if (registered->effect == Effect::kCreated) ++counts_.registered;
    if (registered->effect == Effect::kUpdated) ++counts_.updated;
  } else if (std::holds_alternative<core::InstanceDeregistered>(reply)) {
    ++counts_.deregistered;
  } else if (const auto* ended = std::get_if<core::SessionEnded>(&reply)) {
    counts_.deregistered += ended->instances;
  }
}

void AuditLog::note(const core::Incidents& incidents, const core::Caller& caller, base::Now now) {
  if (least_ > LogLevel::kInfo) return;
  for (const core::Incident& incident : incidents.all()) {
    IncidentWindow& window = incidents_[{incident.kind, incident.cause}];
    if (window.count == 0) {
      window.since = now;
      window.sum.kind = incident.kind;
      window.sum.cause = incident.cause;
    }
    for (const core::Incident::Named& named : incident.first) {
      if (window.singly.size() == kMostSingly) break;
      window.singly.push_back(incident_line(incident, named, caller));
      window.singly.back().wall_ms = now.wall_ms;
    }
    window.count += incident.count;
    window.sum.merge(incident);
  }
}

void AuditLog::note(const core::RefusedAct& refused, base::Now now) {
  if (least_ > LogLevel::kInfo) return;
  RefusalWindow& window = refusals_[refused.error.code];
  if (window.count++ == 0) window.since = now;
  if (window.singly.size() == kMostSingly) return;
  window.singly.push_back(refusal_line(refused));
  window.singly.back().wall_ms = now.wall_ms;
  window.first.push_back(text_of(refused));
}

void AuditLog::close_windows(int64_t until_ms) {
  close(incidents_, until_ms, due_,
        [](const auto& entry) { return incident_sum_line(entry.second.sum); });
  close(refusals_, until_ms, due_, [](const auto& entry) {
    return refusal_sum_line(entry.first, entry.second.count, entry.second.first);
  });
}

void AuditLog::close_counts(int64_t now_ms) {
  if (counts_.any()) due_.push_back(counts_line(counts_, now_ms - counted_since_ms_));
  counts_ = {};
}

std::vector<LogLine> AuditLog::take(int64_t now_ms) {
  close_windows(now_ms - kWindowMs);
  if (now_ms - counted_since_ms_ >= kWindowMs) close_counts(now_ms);
  return std::exchange(due_, {});
}

std::vector<LogLine> AuditLog::take_all(int64_t now_ms) {
  close_windows(std::numeric_limits<int64_t>::max());
  close_counts(now_ms);
  return std::exchange(due_, {});
}

}  // namespace callbook::node
