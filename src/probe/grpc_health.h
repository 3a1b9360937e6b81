#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callbook::probe {

// The messages of grpc.health.v1 (health.proto of gRPC), and how gRPC frames a message: a byte that
// says whether it is compressed, and its length in four bytes, the highest first.

/// HealthCheckResponse.ServingStatus.
enum class ServingStatus : uint8_t { kUnknown = 0, kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

/// A framed HealthCheckRequest{service}.
std::string encode_health_request(std::string_view service);

/// The status of a framed HealthCheckResponse, fields that are not known passed over. None unless
/// `bytes` is exactly one message, uncompressed, of a status that there is.
std::optional<ServingStatus> decode_health_response(std::string_view bytes);

/// "SERVING"
std::string_view name_of(ServingStatus status);
/// "UNIMPLEMENTED" for 12; empty for a code that gRPC does not have.
std::string_view name_of_code(uint32_t code);

}  // namespace callbook::probe
