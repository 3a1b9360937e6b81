// Checks as they stand in records: bytes that are read are written again as the same, and whatever
// stands there, the registry can make something of it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "core/check_runs.h"
#include "core/check_set.h"
#include "core/registration_extras.h"

namespace core = callbook::core;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto checks = core::decode_check_set(bytes)) {
    CALLBOOK_CHECK(!checks->empty() && checks->size() <= core::kMaxChecks);
    CALLBOOK_CHECK(core::decode_check_set(core::encode(*checks)) == checks);
    const core::StoredChecks stored = core::stored_form(*checks);
    // What release 0.1 finds in its place must be a check to it.
    CALLBOOK_CHECK(core::decode_check(stored.rule).has_value());
    CALLBOOK_CHECK(core::checks_from(stored.interval_ms, stored.rule, stored.set) == checks);
    core::CheckRuns runs(*checks, core::Liveness(), size, 1'000);
    runs.take_due(1'000'000, [&](size_t index) { runs.begin(index, 1); });
    CALLBOOK_CHECK(runs.next_due_ms() > 1'000'000);
  }
  const auto extras = core::decode_extras(bytes);
  core::RegistrationView view;
  const std::string rule = core::encode(core::CheckRule());
  view.check = rule;
  view.extras = bytes;
  CALLBOOK_CHECK(!core::checks_of(view).empty());
  if (extras) CALLBOOK_CHECK(core::decode_extras(core::encode(*extras)) == extras);
  return 0;
}
