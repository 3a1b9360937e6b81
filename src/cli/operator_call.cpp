#include "cli/operator_call.h"

#include <fmt/format.h>

namespace callbook::cli {
namespace {

std::string why(const std::string& bus) {
  if (bus.empty()) return "";
  if (bus == "connecting") return ": the bus has not been reached yet";
  return fmt::format(": the bus is {}", bus == "refused" ? "not usable" : bus);
}

}  // namespace

std::string behind_text(const sdk::NodesBehind& nodes) {
  std::string text;
  if (!nodes.unheard.empty()) {
    text = fmt::format("{} {} not heard of it yet{}", fmt::join(nodes.unheard, ", "),
                       nodes.unheard.size() == 1 ? "has" : "have", why(nodes.bus));
  }
  if (!nodes.cannot_say.empty()) {
    text += fmt::format("{}{} can't say whether it has heard of it (release 0.1)",
                        text.empty() ? "" : "; ", fmt::join(nodes.cannot_say, ", "));
  }
  return text;
}

void print_behind(const sdk::NodesBehind& nodes) {
  const std::string text = behind_text(nodes);
  if (!text.empty()) fmt::print("{}\n", text);
}

}  // namespace callbook::cli
