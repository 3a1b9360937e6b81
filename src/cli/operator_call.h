#pragma once

#include <functional>
#include <string>

#include "cli/operator_options.h"

namespace callbook::cli {

/// "reg-2, reg-3 have not heard of it yet: the bus is away", or nothing if all have.
std::string behind_text(const sdk::NodesBehind& nodes);
/// Prints that, if there is any.
void print_behind(const sdk::NodesBehind& nodes);

/// Asks for a change until the other nodes have heard of it; where the registry is of a release
/// that does not know that, without.
template <typename T>
base::Result<T> ask_until(const RegistryOptions& options, sdk::Until until,
                          const std::function<void(sdk::NativeClient&, sdk::Until,
                                                   sdk::NativeClient::Callback<T>)>& call) {
  const auto attempt = [&](sdk::Until how) {
    return ask<T>(
        options, [&](sdk::NativeClient& client, auto done) { call(client, how, std::move(done)); });
  };
  auto answer = attempt(until);
  const bool unknown = until == sdk::Until::kHeard && !answer.ok() &&
                       answer.error().code == base::ErrorCode::kInvalid &&
                       answer.error().field == "until";
  return unknown ? attempt(sdk::Until::kAccepted) : std::move(answer);
}

}  // namespace callbook::cli
