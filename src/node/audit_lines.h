#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "core/caller.h"
#include "core/incidents.h"
#include "core/input.h"
#include "core/operator_act.h"
#include "core/output.h"

namespace callbook::node {

// The lines of the log about who did what (docs/operations.md, "The log"). Pure: each function
// makes one line of the values that it is given.

/// "orders/o-1"; of another namespace than the default "billing/orders/o-1"; without an id the
/// service alone. Quoted if it is no valid name.
std::string text_of(const core::InstanceKey& instance);

/// What an operator wants by `input`; nothing if it is not an operator's.
std::optional<core::OperatorAct> act_of(const core::Input& input);

/// An operator's act that was applied. REQUIRES act_of(input).
base::LogLine act_line(const core::Input& input, const core::Reply& reply,
                       const core::Caller& caller);

base::LogLine refusal_line(const core::RefusedAct& refused);

/// How a refused act is named among the first of a sum: "override of orders/o-1
/// from 10.0.0.7:4100".
std::string text_of(const core::RefusedAct& refused);
base::LogLine refusal_sum_line(base::ErrorCode code, uint64_t count,
                               const std::vector<std::string>& first);

/// A provider's or a consumer's input, with what came of it, at level debug or, for signs of life,
/// trace; nothing for those that are not worth a line, or below `least`.
std::optional<base::LogLine> provider_line(const core::Input& input,
                                           const base::Result<core::Reply>& reply,
                                           const core::Caller& caller, base::LogLevel least);

/// One incident. `caller`: whose input made the registry do so, if it was one's.
base::LogLine incident_line(const core::Incident& incident, const core::Incident::Named& named,
                            const core::Caller& caller);
/// All of one kind and cause.
base::LogLine incident_sum_line(const core::Incident& incident);

/// What providers did.
struct ProviderCounts {
  uint64_t registered = 0;    ///< instances that are new
  uint64_t updated = 0;       ///< registered again with a difference
  uint64_t deregistered = 0;  ///< with their session, too

  bool any() const { return registered + updated + deregistered > 0; }
};
/// `passed_ms`: since when they have been counted.
base::LogLine counts_line(const ProviderCounts& counts, int64_t passed_ms);

}  // namespace callbook::node
