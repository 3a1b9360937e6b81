#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "load/template.h"

namespace callbook::load {

inline constexpr size_t kServiceDigits = 5;
inline constexpr size_t kSequenceDigits = 8;
inline constexpr size_t kSessionBytes = 32;

/// How large the data of an instance is, and by which measure.
struct InstanceSize {
  enum class Of { kMetadata, kJson };
  Of of = Of::kMetadata;  ///< names and values of its 5 entries; or the JSON text of address, port
                          ///< and metadata together
  size_t bytes = 200;
};

/// The texts about one instance with 5 metadata entries, whose values are almost all distinct. The
/// same variables give the same instance in each.
class InstanceTexts {
 public:
  explicit InstanceTexts(InstanceSize size);

  /// PUT with session, on the service's own path. `query` is "" or "?ack=logged".
  Template put_request(std::string_view query) const;
  /// One line of a batch, with session.
  Template batch_line() const;
  /// The canonical text of docs/formats/digest.md.
  Template canonical_text() const;

 private:
  void append_data(Template& out) const;

  size_t value_bytes_[5] = {};
};

/// "s-00042"
std::string service_name(uint64_t service);
/// "i-00000042"
std::string instance_id(uint64_t sequence);
/// What one instance adds to the digest of its list.
uint64_t digest_part(std::string_view canonical_text);
/// A list digest as it stands on the wire.
std::string digest_text(uint64_t digest);

/// A whole request without a body, or with one.
std::string request(std::string_view method, std::string_view target, std::string_view body = {});

}  // namespace callbook::load
