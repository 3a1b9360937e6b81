#include "net/http_message.h"

#include "net/ascii.h"

namespace callbook::net {

std::string_view name_of(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPut:
      return "PUT";
    case Method::kPost:
      return "POST";
    case Method::kDelete:
      return "DELETE";
    case Method::kPatch:
      return "PATCH";
    case Method::kOptions:
      return "OPTIONS";
    case Method::kOther:
      break;
  }
  return "OTHER";
}

std::string_view HttpRequest::header(std::string_view name) const {
  if (headers == nullptr) return {};
  for (const HeaderField& field : *headers) {
    if (same_token(field.name, name)) return field.value;
  }
  return {};
}

}  // namespace callbook::net
