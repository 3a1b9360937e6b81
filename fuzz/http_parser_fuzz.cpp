// The same bytes, whole and cut into reads of any size, must give the same requests: the places
// where reads end are the peer's choice, and a difference is how requests are smuggled.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"
#include "net/request_parser.h"

using namespace callbook;

namespace {

using Requests = std::vector<std::string>;

std::string text_of(const net::HttpRequest& request) {
  std::string text;
  for (const std::string_view part :
       {name_of(request.method), request.target, request.path, request.query, request.body}) {
    text.append(part).push_back('\n');
  }
  for (const net::HeaderField& field : *request.headers) {
    text.append(field.name).append("=").append(field.value).push_back('\n');
  }
  unsigned padding = 0;  // must be readable
  for (size_t i = 0; i < net::kBodyPadding; ++i) {
    padding += static_cast<unsigned char>(request.body.data()[request.body.size() + i]);
  }
  CALLBOOK_CHECK(padding < 256 * net::kBodyPadding);
  return text;
}

/// Takes what is complete. False once the parser refuses. When it does may depend on the reads (an
/// unfinished quoted string in a chunk's extension is waited for or refused); what it hands out
/// before must not.
bool take_requests(net::RequestParser& parser, Requests& requests) {
  using Event = net::RequestParser::Event;
  for (;;) {
    const Event event = parser.next();
    if (event == Event::kNeedMore) return true;
    if (event == Event::kRefused) return false;
    if (event == Event::kRequest) requests.push_back(text_of(parser.request()));
  }
}

Requests parse(std::string_view bytes, size_t largest_read) {
  const net::HttpLimits limits{.max_header_bytes = 1 << 20, .max_body_bytes = 1 << 20};
  net::RequestParser parser(limits);
  Requests requests;
  while (!bytes.empty()) {
    const std::span<char> space = parser.space();
    const size_t count = std::min({space.size(), bytes.size(), largest_read});
    std::memcpy(space.data(), bytes.data(), count);
    parser.commit(count);
    bytes.remove_prefix(count);
    if (!take_requests(parser, requests)) break;
  }
  return requests;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const size_t largest_read = size_t{data[0]} + 1;
  CALLBOOK_CHECK(parse(bytes, SIZE_MAX) == parse(bytes, largest_read));
  return 0;
}
