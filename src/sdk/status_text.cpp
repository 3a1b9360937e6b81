#include "sdk/status_text.h"

#include <algorithm>

#include "base/log_text.h"
#include "base/utf8.h"

namespace callbook::sdk {

std::string status_text(std::string_view text) {
  std::string out;
  std::string piece;
  for (size_t at = 0; at < text.size();) {
    const size_t length = std::max<size_t>(base::utf8_sequence(text, at), 1);
    piece.clear();
    base::append_visible(piece, text.substr(at, length));
    if (out.size() + piece.size() > kMaxStatusTextBytes) break;
    out += piece;
    at += length;
  }
  return out;
}

}  // namespace callbook::sdk
