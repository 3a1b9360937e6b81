// Any bytes as the JSON of the native API: refused or understood, never a crash.

#include <cstddef>
#include <cstdint>
#include <string>

#include "dialects/native/json_input.h"
#include "net/http_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  callbook::native::JsonInput input;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  bytes.append(callbook::net::kBodyPadding, '\0');
  const std::string_view text = std::string_view(bytes).substr(0, size);
  static_cast<void>(input.session(text));
  static_cast<void>(input.registration(text));
  static_cast<void>(input.operation(text));
  static_cast<void>(input.watch(text, "default"));
  return 0;
}
