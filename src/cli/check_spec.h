#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_writer.h"
#include "base/result.h"

namespace callbook::cli {

// The checks of `callbook register`, from its command line to the native API's JSON. Pure. What
// the registry will bear is the registry's to judge; errors here name the flag.

/// One `--check`: [NAME=]KIND[:[PORT][/REST]].
struct CheckSpec {
  std::string name;   ///< "check" if it was given none
  std::string kind;   ///< as the API calls it: tcp, http, https, grpc, udp
  bool tls = false;   ///< of grpc, written "grpcs"
  uint16_t port = 0;  ///< 0: the instance's own
  std::string path;   ///< of http and https, with its '/'
  std::string grpc_service;

  bool operator==(const CheckSpec&) const = default;
};

/// "tcp", "http:/health", "https:8443/health", "admin=grpc:9090/my.Service", "udp:53".
base::Result<CheckSpec> parse_check(std::string_view text);

/// What holds for all checks of an instance; what is 0 or empty is left to the registry.
struct CheckOptions {
  std::vector<std::string> checks;  ///< as written
  int64_t interval_ms = 0;
  int64_t timeout_ms = 0;
  uint32_t failures = 0;
  uint32_t successes = 0;
  int64_t remove_after_ms = 0;
  std::string method;
  std::vector<std::string> headers;  ///< "NAME=VALUE"
  std::string host;
  std::vector<std::string> expected;  ///< "204" or "200-299"
  bool skip_verify = false;
  std::string server_name;
  std::string payload;
  bool silence_passes = false;
};

/// The checks that `options` ask for, each name once. kInvalid, on the flag, for one that can't be
/// read, and for an option that none of them takes.
base::Result<std::vector<CheckSpec>> read_checks(const CheckOptions& options);

/// Writes the field "check", or "checks" if there are several or the one has a name of its own
/// (which release 0.1 does not know).
void append_checks(base::JsonWriter& json, const std::vector<CheckSpec>& checks,
                   const CheckOptions& options);

/// "http:8081/health", for people.
std::string text_of(const CheckSpec& check);

}  // namespace callbook::cli
