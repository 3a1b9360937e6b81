#pragma once

#include "base/json_writer.h"
#include "core/output.h"

namespace callbook::native {

inline std::string_view name_of(core::InstanceRegistered::Effect effect) {
  switch (effect) {
    case core::InstanceRegistered::Effect::kCreated:
      return "created";
    case core::InstanceRegistered::Effect::kUpdated:
      return "updated";
    case core::InstanceRegistered::Effect::kUnchanged:
      break;
  }
  return "unchanged";
}

inline int status_of(core::InstanceRegistered::Effect effect) {
  return effect == core::InstanceRegistered::Effect::kCreated ? 201 : 200;
}

/// Appends "result" and "version", as in the answer to a registration.
inline void append_registered(base::JsonWriter& json, const core::InstanceRegistered& registered) {
  json.field("result", name_of(registered.effect)).field("version", registered.version);
}

}  // namespace callbook::native
