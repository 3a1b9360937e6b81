#include "base/address.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace callbook::base {
namespace {

using Ipv4 = std::array<uint8_t, 4>;
using Ipv6 = std::array<uint16_t, 8>;  // its groups

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || is_upper(c) || is_digit(c);
}
constexpr char lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

std::optional<uint16_t> hex_digit(char c) {
  if (is_digit(c)) return static_cast<uint16_t>(c - '0');
  const char low = lower(c);
  if (low >= 'a' && low <= 'f') return static_cast<uint16_t>(low - 'a' + 10);
  return std::nullopt;
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  return out;
}

// --- IPv4 ---

/// In plain dotted form alone: what else inet_aton() takes has a second meaning (octal, a host's
/// number in a network) or a second spelling.
std::optional<Ipv4> parse_ipv4(std::string_view text) {
  Ipv4 bytes{};
  constexpr size_t kLongest = 15;
  if (text.size() > kLongest) return std::nullopt;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (size_t part = 0; part < bytes.size(); ++part) {
    if (part > 0 && (at == end || *at++ != '.')) return std::nullopt;
    if (at == end || !is_digit(*at)) return std::nullopt;
    uint32_t number = static_cast<uint32_t>(*at++ - '0');
    while (at != end && is_digit(*at)) {
      if (number == 0) return std::nullopt;  // a leading zero
      number = number * 10 + static_cast<uint32_t>(*at++ - '0');
    }
    if (number > 255) return std::nullopt;
    bytes[part] = static_cast<uint8_t>(number);
  }
  return at == end ? std::optional(bytes) : std::nullopt;
}

std::string to_text(const Ipv4& ip) {
  return fmt::format("{}.{}.{}.{}", ip[0], ip[1], ip[2], ip[3]);
}

constexpr const char* kWriteOwn = "write the address at which consumers reach this instance";

Status check_ipv4(std::string_view field, const Ipv4& ip) {
  if (ip[0] != 0 && ip[0] < 0xE0) return {};  // none of those below, as nearly always
  if (ip == Ipv4{}) {
    return invalid(field,
                   fmt::format("is 0.0.0.0, which stands for every address of a host and can be "
                               "listened on but not called; {}",
                               kWriteOwn));
  }
  if (ip == Ipv4{255, 255, 255, 255}) {
    return invalid(
        field, fmt::format("is 255.255.255.255, the broadcast address, which no single instance "
                           "has; {}",
                           kWriteOwn));
  }
  if (ip[0] >> 4 == 0xE) {
    return invalid(field, fmt::format("is {}, a multicast address (224.0.0.0/4), which no single "
                                      "instance has; {}",
                                      to_text(ip), kWriteOwn));
  }
  return {};
}

// --- IPv6 ---

/// Reads the groups of `text`, up to `most`, into `groups`; the last two may be written as an IPv4
/// address if `ends` says that the address ends here. The number of groups, or none.
std::optional<size_t> parse_groups(std::string_view text, size_t most, bool ends,
                                   uint16_t* groups) {
  size_t count = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find(':'), text.size());
    const std::string_view part = text.substr(0, end);
    const bool last = end == text.size();
    if (const auto v4 = last && ends ? parse_ipv4(part) : std::nullopt) {
      if (count + 2 > most) return std::nullopt;
      groups[count++] = static_cast<uint16_t>((*v4)[0] << 8 | (*v4)[1]);
      groups[count++] = static_cast<uint16_t>((*v4)[2] << 8 | (*v4)[3]);
      return count;
    }
    if (part.empty() || part.size() > 4 || count == most) return std::nullopt;
    uint16_t group = 0;
    for (const char c : part) {
      const auto digit = hex_digit(c);
      if (!digit) return std::nullopt;
      group = static_cast<uint16_t>(group << 4 | *digit);
    }
    groups[count++] = group;
    if (last) return count;
    text.remove_prefix(end + 1);
    if (text.empty()) return std::nullopt;  // a colon at the end
  }
  return count;
}

std::optional<Ipv6> parse_ipv6(std::string_view text) {
  Ipv6 groups{};
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto count = parse_groups(text, groups.size(), true, groups.data());
    return count == groups.size() ? std::optional(groups) : std::nullopt;
  }
  // "::" is one group of zeros or more.
  constexpr size_t kMost = 7;
  const auto before = parse_groups(text.substr(0, gap), kMost, false, groups.data());
  if (!before) return std::nullopt;
  Ipv6 tail{};
  const auto behind = parse_groups(text.substr(gap + 2), kMost - *before, true, tail.data());
  if (!behind) return std::nullopt;
  std::copy_n(tail.begin(), *behind, groups.end() - static_cast<std::ptrdiff_t>(*behind));
  return groups;
}

/// The IPv4 address that an IPv4-mapped one stands for.
std::optional<Ipv4> mapped_ipv4(const Ipv6& ip) {
  const bool mapped =
      std::all_of(ip.begin(), ip.begin() + 5, [](uint16_t g) { return g == 0; }) && ip[5] == 0xFFFF;
  if (!mapped) return std::nullopt;
  return Ipv4{static_cast<uint8_t>(ip[6] >> 8), static_cast<uint8_t>(ip[6] & 0xFF),
              static_cast<uint8_t>(ip[7] >> 8), static_cast<uint8_t>(ip[7] & 0xFF)};
}

/// RFC 5952: lower case, no leading zeros, the first of the longest runs of at least two zero
/// groups as "::".
std::string to_text(const Ipv6& ip) {
  size_t gap_begin = ip.size();
  size_t gap_size = 1;
  for (size_t i = 0; i < ip.size(); ++i) {
    size_t end = i;
    while (end < ip.size() && ip[end] == 0) ++end;
    if (end - i > gap_size) {
      gap_begin = i;
      gap_size = end - i;
    }
    i = std::max(i, end);  // that group is not zero
  }
  std::string text;
  for (size_t i = 0; i < ip.size(); ++i) {
    if (i == gap_begin) {
      text += "::";
      i += gap_size - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    text += fmt::format("{:x}", ip[i]);
  }
  return text;
}

Result<std::string> read_ipv6(std::string_view field, std::string_view text) {
  const auto ip = parse_ipv6(text);
  if (!ip) {
    return invalid(field, fmt::format("'{}' holds ':' but is no IPv6 address", shown(text)));
  }
  if (const auto v4 = mapped_ipv4(*ip)) {
    if (auto status = check_ipv4(field, *v4); !status.ok()) return status.error();
    return to_text(*v4);
  }
  if (*ip == Ipv6{}) {
    return invalid(field, fmt::format("is ::, which stands for every address of a host and can be "
                                      "listened on but not called; {}",
                                      kWriteOwn));
  }
  if ((*ip)[0] >> 8 == 0xFF) {
    return invalid(field, fmt::format("is {}, a multicast address (ff00::/8), which no single "
                                      "instance has; {}",
                                      to_text(*ip), kWriteOwn));
  }
  return to_text(*ip);
}

/// Forms that people paste, and what is wrong with each; nothing if it is none of them. `text`
/// holds ':', '[' or '%'.
std::optional<Error> known_mistake(std::string_view field, std::string_view text) {
  if (text.find("://") != std::string_view::npos) {
    return invalid(field, "is a URL; write the IP address or the host name alone");
  }
  if (text.find_first_of("[]") != std::string_view::npos) {
    return invalid(field,
                   "holds brackets; write an IPv6 address without them, and its port in the field "
                   "for it");
  }
  if (text.find('%') != std::string_view::npos) {
    return invalid(field,
                   "holds '%': a zone id means nothing on another host; write an address that "
                   "other hosts can reach");
  }
  const size_t colon = text.find(':');
  if (colon == text.rfind(':') && all_digits(text.substr(colon + 1))) {
    return invalid(field, fmt::format("holds the port {}; write the address alone, and the port in "
                                      "the field for it",
                                      text.substr(colon + 1)));
  }
  return std::nullopt;
}

// --- Host names ---

/// Whether a resolver would read a name with this last label as an IPv4 address: a number, decimal
/// or "0x…", as inet_aton() takes it.
bool is_number(std::string_view label) {
  if (all_digits(label)) return true;
  if (label.size() < 2 || label[0] != '0' || lower(label[1]) != 'x') return false;
  return std::all_of(label.begin() + 2, label.end(),
                     [](char c) { return hex_digit(c).has_value(); });
}

Status check_label(std::string_view field, std::string_view label) {
  if (label.empty()) {
    return invalid(field, "is no host name: it has nothing before, behind or between two dots");
  }
  for (const char c : label) {
    if (is_alphanumeric(c) || c == '-' || c == '_') continue;
    return invalid(field, fmt::format("holds '{}'; expected an IP address, or a host name of "
                                      "letters, digits, '-' and '_' (an international one as "
                                      "xn--…)",
                                      shown({&c, 1})));
  }
  if (label.size() > kMaxLabelBytes) {
    return over_limit(field,
                      fmt::format("is no host name: its part '{}' has {} bytes; the limit is "
                                  "{}",
                                  label, label.size(), kMaxLabelBytes),
                      static_cast<int64_t>(kMaxLabelBytes));
  }
  if (!is_alphanumeric(label.front()) || !is_alphanumeric(label.back())) {
    return invalid(field, fmt::format("is no host name: its part '{}' must begin and end with a "
                                      "letter or a digit",
                                      label));
  }
  return {};
}

Result<std::string> read_host_name(std::string_view field, std::string_view text) {
  std::string_view name = text;
  if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
  const std::string_view last = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
  if (is_number(last)) {
    return invalid(field, fmt::format("'{}' looks like an IPv4 address but is none: expected four "
                                      "numbers from 0 to 255 without leading zeros, such as "
                                      "10.0.0.7",
                                      shown(text)));
  }
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    if (auto status = check_label(field, name.substr(begin, end - begin)); !status.ok()) {
      return status.error();
    }
    begin = end + 1;
  }
  std::string normal(name);
  std::transform(normal.begin(), normal.end(), normal.begin(), lower);
  return normal;
}

Status check_size(std::string_view field, std::string_view text) {
  if (text.empty()) return invalid(field, "must not be empty");
  const bool dot = text.ends_with('.');  // one that ends a host name is dropped
  if (text.size() - (dot ? 1 : 0) <= kMaxAddressBytes) return {};
  return over_limit(field,
                    fmt::format("is {} bytes long; the limit is {}", text.size(), kMaxAddressBytes),
                    static_cast<int64_t>(kMaxAddressBytes));
}

}  // namespace

Result<std::string> normal_address(std::string_view field, std::string_view text) {
  if (auto status = check_size(field, text); !status.ok()) return status.error();
  if (const auto v4 = parse_ipv4(text)) {
    if (auto status = check_ipv4(field, *v4); !status.ok()) return status.error();
    return std::string(text);
  }
  if (text.find_first_of(":[]%") == std::string_view::npos) return read_host_name(field, text);
  if (auto mistake = known_mistake(field, text)) return std::move(*mistake);
  if (text.find(':') == std::string_view::npos) return read_host_name(field, text);
  return read_ipv6(field, text);
}

Status check_address(std::string_view field, std::string_view address) {
  if (const auto v4 = parse_ipv4(address)) return check_ipv4(field, *v4);
  auto normal = normal_address(field, address);
  if (!normal.ok()) return normal.error();
  if (*normal == address) return {};
  return invalid(field, fmt::format("'{}' must be written as {}", address, *normal));
}

Status check_address_text(std::string_view field, std::string_view address) {
  if (address.empty()) return invalid(field, "must not be empty");
  if (address.size() > kMaxAddressBytes) {
    return over_limit(
        field, fmt::format("is {} bytes long; the limit is {}", address.size(), kMaxAddressBytes),
        static_cast<int64_t>(kMaxAddressBytes));
  }
  constexpr std::string_view kOthers = ".-_:%";
  for (const char c : address) {
    if (is_alphanumeric(c) || kOthers.find(c) != std::string_view::npos) continue;
    return invalid(
        field, fmt::format("holds '{}'; expected an IP address or a host name", shown({&c, 1})));
  }
  return {};
}

std::string one_spelling(std::string_view address) {
  const auto ip = parse_ipv6(address);
  if (!ip) return std::string(address);
  const auto v4 = mapped_ipv4(*ip);
  return v4 ? to_text(*v4) : to_text(*ip);
}

std::string host_port(std::string_view host, uint16_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string host_of(std::string_view host_and_port) {
  std::string_view host = host_and_port.substr(0, host_and_port.rfind(':'));
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return one_spelling(host);
}

bool is_loopback(std::string_view address) {
  const std::string text = one_spelling(address);
  // A resolver reads "127.1" as 127.0.0.1, but "127.example" as a name.
  const bool is_127 =
      text.starts_with("127.") && text.find_first_not_of("0123456789.") == std::string::npos;
  return is_127 || text == "::1" || text == "localhost";
}

}  // namespace callbook::base
