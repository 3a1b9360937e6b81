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

}  // namespace callbook::cli
