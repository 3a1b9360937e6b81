#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace callbook::base {

// Addresses of instances: an IP address or a host name, without a port. Nothing is resolved here.
// Pure functions, any thread. Errors name `field` and say what to write instead.

/// Longest address, in bytes: a DNS name as text (RFC 1035).
inline constexpr size_t kMaxAddressBytes = 253;
/// Longest part of a host name between two dots, in bytes (RFC 1035).
inline constexpr size_t kMaxLabelBytes = 63;

/// Reads an address that somebody wrote, and yields its one spelling, so that equal addresses are
/// equal text:
/// - IPv4: four numbers from 0 to 255 with dots between them, without leading zeros. Nothing else
///   that a resolver would read as an IPv4 address is taken (`127.1`, `0x7f.1`, `2130706433`).
/// - IPv6: as RFC 5952 writes it. An IPv4-mapped one (`::ffff:10.0.0.7`) becomes the IPv4 address
///   that it stands for. No zone id, no brackets.
/// - A host name: labels of letters, digits, '-' and '_' that begin and end with a letter or digit;
///   lower case, without the dot at the end.
/// Unspecified, multicast and broadcast addresses are refused: no consumer can call them.
Result<std::string> normal_address(std::string_view field, std::string_view text);

/// Checks that `address` is as normal_address() yields it.
Status check_address(std::string_view field, std::string_view address);

/// Checks only for the bytes that can be in an address: 1 to kMaxAddressBytes letters, digits and
/// `. - _ : %`. For what is dialled from this host, where a zone id means something, and for what
/// registries of release 0.1 list, which looked no closer.
Status check_address_text(std::string_view field, std::string_view address);

/// An IP address in the spelling that normal_address() gives it, also one that normal_address()
/// refuses (0.0.0.0). What is no IP address (a host name, an address with a zone id) stays as it
/// is. For addresses that are compared but not registered: of peers, registries and nodes.
std::string one_spelling(std::string_view address);

/// "10.0.0.7:4711", "[fd00::7]:4711".
std::string host_port(std::string_view host, uint16_t port);

/// The host in what host_port() yields, in one spelling.
std::string host_of(std::string_view host_and_port);

/// Whether `address` is the host's own, another one on each host: 127.0.0.0/8, ::1, localhost, in
/// any spelling.
bool is_loopback(std::string_view address);

}  // namespace callbook::base
