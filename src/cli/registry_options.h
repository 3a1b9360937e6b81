#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/event_loop.h"
#include "sdk/native_client.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace callbook::cli {

/// The options of every verb that talks to a registry.
struct RegistryOptions {
  std::string registry = "127.0.0.1:7070";
  std::string name_space = sdk::kDefaultNamespace;
  std::string datacenter;  ///< empty: the registry's own
  bool json = false;
};

void add_registry_option(CLI::App& verb, RegistryOptions& options);
void add_namespace_option(CLI::App& verb, RegistryOptions& options);
void add_datacenter_option(CLI::App& verb, RegistryOptions& options);
void add_json_option(CLI::App& verb, RegistryOptions& options);

/// For `transform`: "500ms", "10s", "2m", "1h" as milliseconds.
CLI::Validator is_duration();

/// One line on standard error: "callbook: …".
void complain(std::string_view message);
/// Which flag of a verb a field of the API comes from: {"by", "--by"}. A field "metadata.k" is of
/// "metadata".
using FieldFlags = std::vector<std::pair<std::string_view, std::string_view>>;
/// What to tell a person of `error`: its detail with the field, the flag that it comes from and the
/// limit, or that the registry cannot be reached.
std::string describe(const base::Error& error, const FieldFlags& flags = {});
/// Complains of `error`; returns the exit code for it.
int report(const base::Error& error, const FieldFlags& flags = {});

/// The registries that the option names, in its order; of a DNS name, the name. kInvalid, or kIo
/// for a file that can't be read.
base::Result<std::vector<sdk::Endpoint>> registries_of(const RegistryOptions& options);

/// Of what several registries said, in turn, whether the next one should be asked as well.
bool should_ask_next(const base::Error& error);
/// Both errors in one, for who could reach none.
base::Error joined(const base::Error& first, const base::Error& second);

/// Makes one call on a loop of its own and waits for its answer: for verbs that ask and end. Of
/// several registries the first that can be reached answers.
template <typename T>
base::Result<T> ask(
    const RegistryOptions& options,
    const std::function<void(sdk::NativeClient&, sdk::NativeClient::Callback<T>)>& call) {
  const auto registries = registries_of(options);
  if (!registries.ok()) return registries.error();
  std::optional<base::Error> trouble;
  for (const sdk::Endpoint& endpoint : registries.value()) {
    net::EventLoop loop;
    sdk::NativeClient client(loop, endpoint);
    std::optional<base::Result<T>> answer;
    call(client, [&](base::Result<T> result) {
      answer.emplace(std::move(result));
      loop.stop();
    });
    loop.run();
    if (answer->ok() || !should_ask_next(answer->error())) return std::move(*answer);
    trouble = trouble ? joined(*trouble, answer->error()) : answer->error();
  }
  return *trouble;
}

}  // namespace callbook::cli
