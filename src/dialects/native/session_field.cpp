#include "dialects/native/session_field.h"

namespace callbook::native {

base::Result<core::SessionId> read_session_id(std::string_view field, std::string_view text) {
  const auto id = core::session_id_from(text);
  if (!id) {
    return base::invalid(
        field, "is not a session id: 32 lower-case hexadecimal digits, as opening a session gave");
  }
  if (*id == core::SessionId{}) {
    return base::invalid(field,
                         "is 32 zeros, which no session has; give the id that opening a session "
                         "gave, or leave it out");
  }
  return *id;
}

}  // namespace callbook::native
