#include "sdk/default_id.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/name.h"

namespace callbook::sdk {
namespace {

bool may_stay(char c) {
  const bool alphanumeric =
      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || std::string_view("._-:@~+").find(c) != std::string_view::npos;
}

}  // namespace

std::string default_instance_id(std::string_view service, std::string_view host,
                                std::string_view address, uint16_t port) {
  std::string id(service);
  if (host != address) id.append("-").append(host);
  id += fmt::format("-{}-{}", address, port);
  std::replace_if(
      id.begin(), id.end(), [](char c) { return !may_stay(c); }, '-');
  if (id.size() <= base::kMaxNameBytes) return id;
  const std::string hash = fmt::format("-{:016x}", base::xxh64(id));
  return id.substr(0, base::kMaxNameBytes - hash.size()) + hash;
}

}  // namespace callbook::sdk
