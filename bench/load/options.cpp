#include "load/options.h"

#include <charconv>

#include "load/fail.h"

namespace callbook::load {

Options::Options(int argc, char** argv, int first) {
  for (int at = first; at < argc; at += 2) {
    const std::string_view name = argv[at];
    if (!name.starts_with("--") || at + 1 >= argc) fail("expected --name value, not {}", name);
    values_.emplace(name.substr(2), argv[at + 1]);
  }
}

uint64_t Options::number(const std::string& name) {
  if (!values_.contains(name)) fail("--{} is missing", name);
  return number(name, 0);
}

uint64_t Options::number(const std::string& name, uint64_t otherwise) {
  asked_[name] = true;
  const auto found = values_.find(name);
  if (found == values_.end()) return otherwise;
  const std::string& text = found->second;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail("--{} takes a number, not {}", name, text);
  }
  return value;
}

std::string Options::text(const std::string& name, std::string otherwise) {
  asked_[name] = true;
  const auto found = values_.find(name);
  return found == values_.end() ? std::move(otherwise) : found->second;
}

void Options::finish() const {
  for (const auto& [name, value] : values_) {
    if (!asked_.contains(name)) fail("unknown option --{}", name);
  }
}

}  // namespace callbook::load
