#include "callbook/status.h"

#include <array>
#include <cstddef>

namespace callbook {

std::string_view name_of(Status status) {
  static constexpr std::array<std::string_view, 4> kNames = {"starting", "up", "not_ready",
                                                             "failing"};
  return kNames[static_cast<size_t>(status)];
}

}  // namespace callbook
