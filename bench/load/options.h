#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace callbook::load {

/// The command line after the scenario's name: `--name value` pairs. Fails the program on anything
/// else, on an option that is missing, and in finish() on one that nobody asked for.
class Options {
 public:
  Options(int argc, char** argv, int first);

  uint64_t number(const std::string& name);
  uint64_t number(const std::string& name, uint64_t otherwise);
  std::string text(const std::string& name, std::string otherwise);
  void finish() const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, bool, std::less<>> asked_;
};

}  // namespace callbook::load
