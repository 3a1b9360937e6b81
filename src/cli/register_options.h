#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/announcement.h"
#include "cli/registry_options.h"
#include "sdk/endpoint.h"
#include "sdk/instance.h"

namespace callbook::cli {

/// The command line of `callbook register`.
struct RegisterOptions : RegistryOptions {
  std::string service;
  uint16_t port = 0;
  std::string id;
  std::string address;
  std::string zone;
  uint32_t weight = sdk::kDefaultWeight;
  std::vector<std::string> metadata;     ///< "k=v"
  std::vector<std::string> named_ports;  ///< "name=port"

  std::string status;
  bool shares_port = false;
  bool take_over = false;
  std::string on_superseded = "keep";

  int64_t session_ttl_ms = 0;
  int64_t ttl_ms = 0;  ///< the instance's own
  int64_t down_after_ms = 0;
  int64_t remove_after_ms = 0;
  bool no_probe = false;
  CheckOptions checks;
  bool external = false;
  bool persistent = false;

  bool wait_for_port = true;
  double wait_timeout_s = 30;

  /// Nothing runs here: it is registered, and the command ends.
  bool at_once() const { return external || persistent; }
};

void add_register_options(CLI::App& verb, RegisterOptions& options);

/// The instance, with what was left out filled in: the address by which this host reaches
/// `registry`, and an id that names service, host, address and port. kInvalid for an address that
/// is none.
base::Result<sdk::Instance> instance_of(const RegisterOptions& options,
                                        const sdk::Endpoint& registry);

/// What is said besides. kInvalid, naming the flag, for what does not go together.
base::Result<Announcement> announcement_of(const RegisterOptions& options,
                                           const sdk::Instance& instance);

/// Which flag each field of a registration comes from.
const FieldFlags& register_flags();

}  // namespace callbook::cli
