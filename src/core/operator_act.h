#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "core/caller.h"
#include "core/key.h"

namespace callbook::core {

/// What an operator wants of the registry, for the log, as the request has it: names may be none.
struct OperatorAct {
  std::string_view name;  ///< a literal: "override"
  InstanceKey instance;   ///< without an id: of the whole service
  std::string by;         ///< may be empty
  std::string reason;     ///< may be empty
};

/// One that was refused.
struct RefusedAct {
  OperatorAct act;
  base::Error error;
  Caller caller;
};

}  // namespace callbook::core
