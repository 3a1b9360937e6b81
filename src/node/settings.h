#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "node/config.h"

namespace callbook::node {

/// One setting of a node under its one name, wherever it comes from: the flag `--max-services`, the
/// variable `CALLBOOK_MAX_SERVICES`, or the key `max_services` of the file's section `section`.
struct Setting {
  std::string_view section;  ///< of the file; empty: top level
  std::string_view key;      ///< as in the file
  std::string_view help;
  enum class Kind : uint8_t { kText, kNumber, kSwitch };
  Kind kind = Kind::kNumber;  ///< a switch that is off takes no value as a flag
  std::function<base::Status(Config&, std::string_view text)> set;
  std::function<std::string(const Config&)> get;
  /// Of one that the file's section `service.NAME` may hold as well; empty otherwise.
  std::function<base::Status(core::ServiceTiming&, std::string_view text)> set_for_service;

  std::string flag() const;      ///< "--max-services"
  std::string variable() const;  ///< "CALLBOOK_MAX_SERVICES"
};

/// All settings, in the order in which help shows them.
const std::vector<Setting>& settings();

/// Applies the TOML file at `path`. Unknown keys are refused, naming them.
base::Status apply_file(Config& config, const std::string& path);

/// The timing of each service that the file gives one of its own, over the node's.
std::map<core::ServiceKey, core::ServiceTiming> service_timing(const Config& config);

/// Applies CALLBOOK_* variables; `lookup` is getenv or a test's own.
base::Status apply_environment(Config& config,
                               const std::function<const char*(const char*)>& lookup);

}  // namespace callbook::node
