#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/check_rule.h"
#include "core/registration.h"

namespace callbook::core {

/// One check of an instance, under its name.
struct NamedCheck {
  std::string name;
  int64_t interval_ms = kDefaultCheckIntervalMs;
  CheckRule rule;

  bool operator==(const NamedCheck&) const = default;
};

/// The checks of one instance, ascending by name, each name once. Empty: it is not checked.
using CheckSet = std::vector<NamedCheck>;

/// Checks of one instance. Their numbers are part of a probe's ticket, so this is not a setting.
inline constexpr size_t kMaxChecks = 16;
/// The name of a check that was registered without one, as the only one that release 0.1 knows.
inline constexpr std::string_view kLoneCheckName = "check";
/// Longest interval that is told apart from "never", about 139 years.
inline constexpr int64_t kLongestCheckIntervalMs = int64_t{1} << 42;

/// Puts checks in order. Errors name "checks": none, too many, a name that is none or comes twice.
base::Result<CheckSet> check_set(std::vector<NamedCheck> checks);

/// A set as it is stored (docs/formats/records.md). Equal sets give equal bytes. REQUIRES 1 to
/// kMaxChecks checks, in order.
std::string encode(const CheckSet& checks);
/// Nothing for bytes that encode() could not have made; those of a later release are among them.
std::optional<CheckSet> decode_check_set(std::string_view bytes);

/// What a record says of an instance's checks.
struct StoredChecks {
  int64_t interval_ms = 0;  ///< of `rule`
  std::string rule;         ///< encoded CheckRule, which release 0.1 reads and carries out
  std::string set;  ///< encoded CheckSet; empty: `rule` under kLoneCheckName is all there is
};

/// The form in which `checks` travel. Where release 0.1 could not read or carry out all of them,
/// its part is a weaker check: one that passes whenever the instance is up.
StoredChecks stored_form(const CheckSet& checks);
/// The way back. If the set can't be read (a later release wrote it), what release 0.1 reads
/// counts.
CheckSet checks_from(int64_t interval_ms, std::string_view rule, std::string_view set);
/// The same of a whole registration; empty if it is not checked.
CheckSet checks_of(const RegistrationView& registration);

}  // namespace callbook::core
