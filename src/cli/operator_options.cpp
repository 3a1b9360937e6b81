#include "cli/operator_options.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/author.h"
#include "cli/commands.h"

namespace callbook::cli {
namespace {

std::string is_given(const std::string& text) {
  return text.empty() ? "must not be empty: name the person or the job that wants this" : "";
}

}  // namespace

void add_instance_option(CLI::App& verb, OperatorOptions& options) {
  verb.add_option("instance", options.instance, "The instance; the id is behind the last '/'")
      ->required()
      ->type_name("SERVICE/ID");
}

void add_author_options(CLI::App& verb, OperatorOptions& options) {
  verb.add_option("--by", options.by, "Who wants this (default: you); consumers are told")
      ->type_name("NAME")
      ->check(is_given);
  verb.add_option("--reason", options.reason, "Why; consumers are told")->type_name("TEXT");
  add_namespace_option(verb, options);
  add_registry_option(verb, options);
}

std::string author(const OperatorOptions& options) {
  return options.by.empty() ? author_name() : options.by;
}

std::optional<InstanceName> named_instance(const OperatorOptions& options) {
  return instance_name(options.name_space, options.instance);
}

std::string restore_command(const OperatorOptions& options) {
  const bool elsewhere = options.name_space != sdk::kDefaultNamespace;
  return fmt::format("callbook restore {}{}", options.instance,
                     elsewhere ? " --namespace " + options.name_space : "");
}

int report_refusal(const base::Error& error) {
  // Release 0.1 knows no author of a removal: what it took out came back with its provider.
  if (error.field == "by" && error.detail.find("unknown query parameter") != std::string::npos) {
    complain(
        "this registry is of release 0.1, where what an operator takes out comes back when its "
        "provider reconnects; upgrade its nodes first, or use `callbook isolate`, which lasts");
    return kFailed;
  }
  return report(error, {{"by", "--by"}, {"reason", "--reason"}, {"drain", "--for"}});
}

}  // namespace callbook::cli
