#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/event_loop.h"
#include "sdk/native_client.h"

namespace CLI {
class App;
}

namespace callbook::cli {

/// The options of every verb that talks to a registry.
struct RegistryOptions {
  std::string registry = "127.0.0.1:7070";
  std::string name_space = sdk::kDefaultNamespace;
  bool json = false;
};

void add_registry_option(CLI::App& verb, RegistryOptions& options);
void add_namespace_option(CLI::App& verb, RegistryOptions& options);
void add_json_option(CLI::App& verb, RegistryOptions& options);

/// One line on standard error: "callbook: …".
void complain(std::string_view message);
/// What to tell a person of `error`: its detail with the field and the limit, or that the registry
/// cannot be reached.
std::string describe(const base::Error& error);
/// Complains of `error`; returns the exit code for it.
int report(const base::Error& error);

/// Makes one call on a loop of its own and waits for its answer: for verbs that ask and end.
template <typename T>
base::Result<T> ask(
    const RegistryOptions& options,
    const std::function<void(sdk::NativeClient&, sdk::NativeClient::Callback<T>)>& call) {
  const base::Result<sdk::Endpoint> endpoint = sdk::parse_endpoint(options.registry);
  if (!endpoint.ok()) return endpoint.error();
  net::EventLoop loop;
  sdk::NativeClient client(loop, endpoint.value());
  std::optional<base::Result<T>> answer;
  call(client, [&](base::Result<T> result) {
    answer.emplace(std::move(result));
    loop.stop();
  });
  loop.run();
  return std::move(*answer);
}

}  // namespace callbook::cli
