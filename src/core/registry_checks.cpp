// Instances that the registry checks itself: when, and what it makes of the results.

#include <fmt/format.h>

#include "core/registry.h"

namespace callbook::core {

using base::Now;
using base::Result;

namespace {

// A check's ticket is marked by its highest bit, which no suspicion reaches. Below it are the slot
// of the instance, the number of the check, and one for each probe, so that what is late is
// recognized.
constexpr uint64_t kCheckBit = uint64_t{1} << 63;
constexpr uint32_t kIndexBits = 4;
constexpr uint32_t kSerialBits = 24;
constexpr uint32_t kSerialMask = (uint32_t{1} << kSerialBits) - 1;
static_assert(kMaxChecks <= size_t{1} << kIndexBits);

struct CheckTicket {
  uint32_t slot = 0;
  size_t index = 0;
  uint32_t serial = 0;
};

uint64_t encode(const CheckTicket& ticket) {
  return kCheckBit | uint64_t{ticket.slot} << (kIndexBits + kSerialBits) |
         uint64_t{ticket.index} << kSerialBits | ticket.serial;
}

CheckTicket decode_ticket(uint64_t number) {
  CheckTicket ticket;
  ticket.slot = static_cast<uint32_t>((number & ~kCheckBit) >> (kIndexBits + kSerialBits));
  ticket.index = (number >> kSerialBits) & ((size_t{1} << kIndexBits) - 1);
  ticket.serial = static_cast<uint32_t>(number) & kSerialMask;
  return ticket;
}

CheckReport::Status status_of(const CheckRun& run) {
  if (run.checked_ms == 0) return CheckReport::Status::kUnknown;
  if (run.verdict == CheckRun::Verdict::kPassing) return CheckReport::Status::kPassing;
  const bool undecided = run.verdict == CheckRun::Verdict::kUnknown && run.failures == 0;
  return undecided ? CheckReport::Status::kUnknown : CheckReport::Status::kFailing;
}

/// Of a check that another node makes, one of `count`.
CheckReport::Status status_of(Health health, size_t count) {
  if (health == Health::kUp) return CheckReport::Status::kPassing;
  // Which of several fails is not told.
  return fails(health) && count == 1 ? CheckReport::Status::kFailing
                                     : CheckReport::Status::kUnknown;
}

}  // namespace

bool Registry::is_check(uint64_t ticket) {
  return (ticket & kCheckBit) != 0;
}

/// What is to be believed of a registration whose checks have not been made yet.
void Registry::await_check(const KeyState& present, const RegistrationView& body,
                           Liveness& liveness) const {
  const Instance* before = present.body;
  const bool same_target = before != nullptr && catalog_.is_checked(*before) &&
                           before->address() == body.address && before->port() == body.port &&
                           catalog_.checks_of(*before) == checks_of(body);
  liveness.health = same_target ? present.liveness.health : Health::kSuspect;
  liveness.cause = same_target ? present.liveness.cause : Cause::kRegistered;
}

void Registry::begin_check(uint32_t slot, size_t index, Outputs& out) {
  CheckRuns& runs = *catalog_.check_runs(slot);
  check_serial_ = (check_serial_ + 1) & kSerialMask;
  if (check_serial_ == 0) check_serial_ = 1;
  runs.begin(index, check_serial_);
  const Instance& instance = catalog_.ttl_instance(slot);
  const CheckRule& rule = *runs[index].rule;
  Probe probe;
  probe.ticket = encode({slot, index, check_serial_});
  probe.address = instance.address();
  probe.port = rule.port != 0 ? rule.port : instance.port();
  probe.timeout_ms = rule.timeout_ms;
  if (rule.kind != CheckRule::Kind::kTcp) probe.rule = runs[index].rule;
  out.probes.push_back(std::move(probe));
  ++counters_.checks;
}

/// Has all of them made now, if they are made here, but for those that are under way: who asks
/// again and again must not keep their results from being heard.
void Registry::begin_checks(uint32_t slot, Outputs& out) {
  const CheckRuns* runs = catalog_.check_runs(slot);
  if (runs == nullptr) return;
  for (size_t i = 0; i < runs->size(); ++i) {
    if ((*runs)[i].serial == 0) begin_check(slot, i, out);
  }
}

void Registry::begin_due_checks(uint32_t slot, Now now, Outputs& out) {
  CheckRuns& runs = *catalog_.check_runs(slot);
  // A node that has found neither bus nor peer may know an address that is another's by now.
  const bool asks = phase_ != Phase::kStale;
  runs.take_due(now.mono_ms, [&](size_t index) {
    if (asks) begin_check(slot, index, out);
  });
  catalog_.await_due_check(slot, now.mono_ms);
}

Result<Reply> Registry::apply_check(const ProbeResult& input, Now now, Outputs& out) {
  using Outcome = ProbeResult::Outcome;
  const CheckTicket ticket = decode_ticket(input.ticket);
  CheckRuns* runs = catalog_.check_runs(ticket.slot);
  if (runs == nullptr) return Reply(Done{});
  const bool own_fault = input.outcome == Outcome::kSilent && stood_still(now);
  const bool late = own_fault ? !runs->pass_over(ticket.index, ticket.serial)
                              : !runs->take(ticket.index, ticket.serial, input, now.mono_ms);
  if (late) return Reply(Done{});
  if ((*runs)[ticket.index].owed) begin_check(ticket.slot, ticket.index, out);
  if (own_fault || input.outcome == Outcome::kUntested) return Reply(Done{});
  if (input.outcome != Outcome::kAnswered) ++counters_.checks_failed;
  follow_checks(ticket.slot, now, out);
  return Reply(Done{});
}

/// Brings an instance in line with what its checks say.
void Registry::follow_checks(uint32_t slot, Now now, Outputs& out) {
  auto [health, cause] = catalog_.check_runs(slot)->judgement();
  const Instance& instance = catalog_.ttl_instance(slot);
  const Service& service = *catalog_.at(instance.service);
  if (health == Health::kUp) catalog_.note_evidence(slot, now.mono_ms);
  // Where all fail, what fails is more likely something that they share, or the checks themselves.
  const bool doubted = health == Health::kDown && timing_of(service).protect_failing &&
                       service.all_fail_if(instance);
  if (doubted) health = Health::kProtected;
  set_health({LeaseKind::kInstance, slot}, health, cause, now, out);
  remove_failing(slot, now, out);
}

/// Removes an instance that has failed for so long that its rule wants it to leave.
void Registry::remove_failing(uint32_t slot, Now now, Outputs& out) {
  const CheckRun* run = catalog_.check_runs(slot)->removal(now.mono_ms);
  if (run == nullptr || phase_ != Phase::kServing) return;
  const LeaseOwner owner{LeaseKind::kInstance, slot};
  if (run->cause == Cause::kProbeTimedOut) {
    follow_groups(owner, now, out);
    if (in_doubt(now) || !breakers_allow(owner, now)) return;
  }
  expire_instance(slot, run->cause, now, out);
}

// --- What is told of them ---

std::string Registry::name_of_node(NodeId node) const {
  if (node == node_) return options_.node;
  const auto peer = peers_.all().find(node);
  return peer == peers_.all().end() ? fmt::format("{:08x}", node) : peer->second.name;
}

void Registry::report_checks(const Instance& instance, Now now, std::vector<CheckReport>& out) {
  const std::string home =
      name_of_node(options_.clustered ? liveness_of(owner_of(instance)).home : node_);
  const auto add = [&](std::string name, std::shared_ptr<const CheckRule> rule,
                       CheckReport::Status status) -> CheckReport& {
    const uint16_t port = rule->port != 0 ? rule->port : instance.port();
    out.push_back({std::string(instance.id()), std::move(name), std::move(rule),
                   std::string(instance.address()), port, status, home});
    return out.back();
  };
  if (const CheckRuns* runs = catalog_.check_runs(instance.holder_slot)) {
    for (size_t i = 0; i < runs->size(); ++i) {
      const CheckRun& run = (*runs)[i];
      CheckReport& report = add(run.name, run.rule, status_of(run));
      if (run.checked_ms == 0) continue;
      report.output = run.output;
      report.checked_ms_ago = now.mono_ms - run.checked_ms;
      report.elapsed_ms = run.elapsed_ms;
      report.failures = run.failures;
    }
    return;
  }
  CheckSet checks = catalog_.checks_of(instance);
  const CheckReport::Status status = status_of(instance.health, checks.size());
  for (NamedCheck& check : checks) {
    add(std::move(check.name), std::make_shared<const CheckRule>(std::move(check.rule)), status);
  }
}

Result<Reply> Registry::apply(const ReadChecks& input, Now now, Outputs&) {
  const Service* service = catalog_.find(input.service);
  if (service == nullptr) {
    return base::Error{base::ErrorCode::kNotFound, "service",
                       fmt::format("'{}' is not known", input.service.name), std::nullopt};
  }
  ChecksRead::Part part;
  uint32_t left = input.most;
  service->list().visit_after(input.after, [&](const ListEntry& entry) {
    if (left == 0) return false;
    const Instance& instance = entry.instance();
    if (is_checked(instance)) report_checks(instance, now, part.checks);
    part.next = instance.id();
    --left;
    return true;
  });
  if (left > 0) part.next.clear();
  return Reply(ChecksRead{std::make_shared<const ChecksRead::Part>(std::move(part))});
}

}  // namespace callbook::core
