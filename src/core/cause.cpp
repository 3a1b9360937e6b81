#include "core/cause.h"

namespace callbook::core {

std::string_view name_of(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return "none";
    case Cause::kRegistered:
      return "registered";
    case Cause::kDeregistered:
      return "deregistered";
    case Cause::kDrained:
      return "drained";
    case Cause::kSessionClosed:
      return "session_closed";
    case Cause::kSessionExpired:
      return "session_expired";
    case Cause::kProbeRefused:
      return "probe_refused";
    case Cause::kProbeTimedOut:
      return "probe_timed_out";
    case Cause::kHomeLost:
      return "home_lost";
    case Cause::kAddressTaken:
      return "address_taken";
    case Cause::kOverride:
      return "override";
    case Cause::kOverrideRemoved:
      return "override_removed";
    case Cause::kConnectionLost:
      return "connection_lost";
    case Cause::kHeartbeatsMissed:
      return "heartbeats_missed";
    case Cause::kProbeAnswered:
      return "probe_answered";
    case Cause::kHeard:
      return "heard";
    case Cause::kMassDeath:
      return "mass_death";
    case Cause::kCheckFailed:
      return "check_failed";
    case Cause::kProviderStatus:
      return "provider_status";
  }
  return "unknown";
}

}  // namespace callbook::core
