#include "probe/grpc_health.h"

#include <array>

namespace callbook::probe {
namespace {

constexpr size_t kFrameBytes = 5;
constexpr uint8_t kServiceTag = 1 << 3 | 2;  // field 1, length-delimited
constexpr uint64_t kStatusField = 1;

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

/// Takes protocol buffers' wire format apart.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : left_(bytes) {}

  bool at_end() const { return left_.empty(); }
  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (size_t i = 0; i < left_.size() && i < 10; ++i) {
      const auto byte = static_cast<uint8_t>(left_[i]);
      value |= uint64_t{byte & 0x7FU} << (7 * i);
      if ((byte & 0x80) == 0) {
        left_.remove_prefix(i + 1);
        return value;
      }
    }
    return std::nullopt;
  }
  /// A field of a type that nothing is wanted of. False: it is cut, or of no such type.
  bool skip(uint64_t type) {
    switch (type) {
      case 0:
        return varint().has_value();
      case 1:
        return skip_bytes(8);
      case 2: {
        const auto length = varint();
        return length && skip_bytes(*length);
      }
      case 5:
        return skip_bytes(4);
      default:
        return false;
    }
  }

 private:
  bool skip_bytes(uint64_t count) {
    if (count > left_.size()) return false;
    left_.remove_prefix(count);
    return true;
  }

  std::string_view left_;
};

}  // namespace

std::string encode_health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message.push_back(static_cast<char>(kServiceTag));
    put_varint(message, service.size());
    message.append(service);
  }
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(message.size() >> shift));
  }
  return out + message;
}

std::optional<ServingStatus> decode_health_response(std::string_view bytes) {
  if (bytes.size() < kFrameBytes || bytes[0] != '\0') return std::nullopt;
  uint64_t length = 0;
  for (size_t i = 1; i < kFrameBytes; ++i) length = length << 8 | static_cast<uint8_t>(bytes[i]);
  if (length != bytes.size() - kFrameBytes) return std::nullopt;
  uint64_t status = 0;
  for (WireReader reader(bytes.substr(kFrameBytes)); !reader.at_end();) {
    const auto tag = reader.varint();
    if (!tag || *tag >> 3 == 0) return std::nullopt;
    const uint64_t type = *tag & 7;
    if (*tag >> 3 != kStatusField || type != 0) {
      if (!reader.skip(type)) return std::nullopt;
      continue;
    }
    const auto value = reader.varint();
    if (!value) return std::nullopt;
    status = *value;  // of a field that comes twice the last one counts
  }
  if (status > static_cast<uint64_t>(ServingStatus::kServiceUnknown)) return std::nullopt;
  return static_cast<ServingStatus>(status);
}

std::string_view name_of(ServingStatus status) {
  constexpr std::array<std::string_view, 4> kNames = {"UNKNOWN", "SERVING", "NOT_SERVING",
                                                      "SERVICE_UNKNOWN"};
  return kNames[static_cast<size_t>(status)];
}

std::string_view name_of_code(uint32_t code) {
  constexpr std::array<std::string_view, 17> kNames = {"OK",
                                                       "CANCELLED",
                                                       "UNKNOWN",
                                                       "INVALID_ARGUMENT",
                                                       "DEADLINE_EXCEEDED",
                                                       "NOT_FOUND",
                                                       "ALREADY_EXISTS",
                                                       "PERMISSION_DENIED",
                                                       "RESOURCE_EXHAUSTED",
                                                       "FAILED_PRECONDITION",
                                                       "ABORTED",
                                                       "OUT_OF_RANGE",
                                                       "UNIMPLEMENTED",
                                                       "INTERNAL",
                                                       "UNAVAILABLE",
                                                       "DATA_LOSS",
                                                       "UNAUTHENTICATED"};
  return code < kNames.size() ? kNames[code] : std::string_view{};
}

}  // namespace callbook::probe
