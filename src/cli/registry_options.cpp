#include "cli/registry_options.h"

#include <charconv>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "sdk/registry_lookup.h"

namespace callbook::cli {

void add_registry_option(CLI::App& verb, RegistryOptions& options) {
  verb.add_option("--registry", options.registry,
                  "Where registries listen: HOST:PORT[,HOST:PORT...], dns:NAME:PORT or file:/PATH")
      ->envname("CALLBOOK_REGISTRY")
      ->type_name("PLACE")
      ->capture_default_str();
}

base::Result<std::vector<sdk::Endpoint>> registries_of(const RegistryOptions& options) {
  auto place = sdk::parse_registry_place(options.registry);
  if (!place.ok()) return place.error();
  switch (place->kind) {
    case sdk::RegistryPlace::Kind::kListed:
      return std::move(place->listed);
    case sdk::RegistryPlace::Kind::kDns:
      return std::vector{place->name};
    case sdk::RegistryPlace::Kind::kFile:
      break;
  }
  return sdk::read_registry_file(place->path);
}

bool should_ask_next(const base::Error& error) {
  return error.code == base::ErrorCode::kIo || error.code == base::ErrorCode::kNotReady;
}

base::Error joined(const base::Error& first, const base::Error& second) {
  base::Error both = first;
  both.detail += "; " + second.detail;
  return both;
}

void add_namespace_option(CLI::App& verb, RegistryOptions& options) {
  verb.add_option("--namespace", options.name_space, "Namespace of the services")
      ->type_name("NAME")
      ->capture_default_str();
}

void add_datacenter_option(CLI::App& verb, RegistryOptions& options) {
  verb.add_option("--dc", options.datacenter,
                  "Another data center, which the registry follows (default: its own)")
      ->type_name("NAME");
}

void add_json_option(CLI::App& verb, RegistryOptions& options) {
  verb.add_flag("--json", options.json, "Print JSON, for programs");
}

CLI::Validator is_duration() {
  const auto read = [](std::string& text) -> std::string {
    static constexpr std::pair<std::string_view, int64_t> kUnits[] = {
        {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}};
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view suffix(end, static_cast<size_t>(text.data() + text.size() - end));
    for (const auto& [unit, ms] : kUnits) {
      if (error != std::errc() || number < 0 || suffix != unit) continue;
      if (number > INT64_MAX / ms) return "'" + text + "' is too long a time";
      text = std::to_string(number * ms);
      return "";
    }
    return "'" + text +
           "' is no time; write a whole number and its unit, such as 500ms, 10s, 2m or 1h";
  };
  return CLI::Validator(read, "");
}

void complain(std::string_view message) {
  fmt::print(stderr, "callbook: {}\n", message);
}

std::string describe(const base::Error& error, const FieldFlags& flags) {
  if (error.code == base::ErrorCode::kIo) {
    return fmt::format("cannot reach the registry at {}", error.detail);
  }
  std::string marks{base::name_of(error.code)};
  if (!error.field.empty()) marks += fmt::format(", field {}", error.field);
  const std::string_view whole = std::string_view(error.field).substr(0, error.field.find('.'));
  for (const auto& [field, flag] : flags) {
    if (field == whole) marks += fmt::format(", from {}", flag);
  }
  if (error.limit) marks += fmt::format(", limit {}", *error.limit);
  return fmt::format("{} ({})", error.detail, marks);
}

int report(const base::Error& error, const FieldFlags& flags) {
  complain(describe(error, flags));
  return error.code == base::ErrorCode::kNotFound ? kNothing : kFailed;
}

}  // namespace callbook::cli
