#include "callbook/version.h"

namespace callbook {

std::string_view version() {
  return CALLBOOK_VERSION;
}

}  // namespace callbook
