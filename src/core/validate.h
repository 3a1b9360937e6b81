#pragma once

#include "base/result.h"
#include "core/input.h"
#include "core/limits.h"

namespace callbook::core {

/// What an input must be like whatever the state. One place for every dialect; errors name fields
/// as the native API does, and the limit that was broken.

base::Status validate(const OpenSession& input, const Limits& limits);
base::Status validate(const RegisterInstance& input, const Limits& limits);
base::Status validate(const InstanceKey& key);
base::Status validate(const DeregisterInstance& input, const Limits& limits);
base::Status validate(const SetStatus& input, const Limits& limits);
base::Status validate(const ReportInstance& input, const Limits& limits);
base::Status validate(const SetOverride& input, const Limits& limits);
base::Status validate(const RemoveOverride& input, const Limits& limits);
base::Status validate(const ReleaseBreaker& input, const Limits& limits);

}  // namespace callbook::core
