// Heads of answers to probes, as anybody may send them: what they come to does not depend on the
// pieces that they arrive in, and nothing behind the head is looked at.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "net/response_head.h"

using namespace callbook;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using State = net::ResponseHead::State;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  net::ResponseHead at_once;
  const State state = at_once.take(text);
  net::ResponseHead in_pieces;
  State last = State::kOpen;
  for (size_t i = 0; i < size; ++i) {
    const State before = last;
    last = in_pieces.take(text.substr(i, 1));
    CALLBOOK_CHECK(before == State::kOpen || last == before);
  }
  CALLBOOK_CHECK(last == state);
  if (state == State::kWhole) {
    CALLBOOK_CHECK(at_once.status() == in_pieces.status());
    CALLBOOK_CHECK(at_once.status() >= 0 && at_once.status() <= 999);
  }
  CALLBOOK_CHECK(in_pieces.take("HTTP/1.1 200 OK\r\n\r\n") == state || state == State::kOpen);
  return 0;
}
