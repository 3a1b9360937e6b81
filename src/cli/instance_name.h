#pragma once

#include <optional>
#include <string>

#include "sdk/native_client.h"

namespace callbook::cli {

/// An instance as command lines name it.
struct InstanceName {
  sdk::ServiceName service;
  std::string id;
};

/// Splits "SERVICE/ID" at the last '/', or says on standard error that it is none.
std::optional<InstanceName> instance_name(const std::string& name_space, const std::string& text);

/// The command that lets an instance be listed that an operator has taken out: "callbook restore
/// orders/o-1", with its namespace unless that is the default. `instance` is "SERVICE/ID".
std::string restore_command(const std::string& name_space, const std::string& instance);

}  // namespace callbook::cli
