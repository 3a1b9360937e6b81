#pragma once

#include <optional>
#include <string>

#include "cli/instance_name.h"
#include "cli/registry_options.h"

namespace callbook::cli {

/// The options of every verb that is an operator's act: on what, by whom, and why.
struct OperatorOptions : RegistryOptions {
  std::string instance;  ///< "SERVICE/ID", or of `release` a service
  std::string by;        ///< empty: the one that runs the command
  std::string reason;
};

/// The positional "SERVICE/ID".
void add_instance_option(CLI::App& verb, OperatorOptions& options);
/// `--by`, `--reason`, and where to say it.
void add_author_options(CLI::App& verb, OperatorOptions& options);

/// The author. Asks the user database if `--by` was not given: not before it is needed.
std::string author(const OperatorOptions& options);

/// The instance that is meant, or says on standard error that it is none.
std::optional<InstanceName> named_instance(const OperatorOptions& options);

/// The command that ends the act: "callbook restore orders/o-1", with its namespace.
std::string restore_command(const OperatorOptions& options);

/// Complains of a refusal, naming the flag that is wrong; returns the exit code.
int report_refusal(const base::Error& error);

}  // namespace callbook::cli
