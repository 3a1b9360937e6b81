#include "sdk/endpoint.h"

#include <charconv>

#include <fmt/format.h>

#include "base/address.h"

namespace callbook::sdk {
namespace {

base::Error bad(std::string_view text) {
  return base::invalid("registry", fmt::format("'{}' is no HOST:PORT", text));
}

base::Result<uint16_t> parse_port(std::string_view digits, std::string_view whole) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) return bad(whole);
  return port;
}

}  // namespace

std::string Endpoint::to_string() const {
  return base::host_port(host, port);
}

bool Endpoint::is_loopback() const {
  return base::is_loopback(host);
}

base::Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  std::string_view rest;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return bad(text);
    endpoint.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else {
    const size_t colon = text.find(':');
    endpoint.host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (!base::check_address_text("registry", endpoint.host).ok()) return bad(text);
  endpoint.host = base::one_spelling(endpoint.host);
  if (rest.empty()) return endpoint;
  if (rest.front() != ':') return bad(text);
  const auto port = parse_port(rest.substr(1), text);
  if (!port.ok()) return port.error();
  endpoint.port = *port;
  return endpoint;
}

}  // namespace callbook::sdk
