#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/override.h"
#include "core/record_codec.h"

namespace callbook::core {

inline constexpr size_t kReplicaBuckets = 256;
using BucketSet = std::bitset<kReplicaBuckets>;

/// The replication digest: what a node holds of every record that other nodes should hold too, as
/// 256 sums of hashes over stamps, epochs and tombstones (docs/formats/digest.md). A record's part
/// is kept by its owner, so that a change costs one hash. Value type.
class ReplicaDigest {
 public:
  using Buckets = std::array<uint64_t, kReplicaBuckets>;

  /// Replaces what the record with this key hash contributed; 0 is nothing.
  void replace(uint64_t key_hash, uint64_t old_part, uint64_t new_part) {
    buckets_[bucket_of(key_hash)] += new_part - old_part;
  }
  /// 64 bits over all buckets; computed anew at each call.
  uint64_t root() const;
  const Buckets& buckets() const { return buckets_; }
  BucketSet differing(const Buckets& other) const;
  bool operator==(const ReplicaDigest&) const = default;

  static size_t bucket_of(uint64_t key_hash) { return key_hash >> 56; }

 private:
  Buckets buckets_{};
};

/// Where a record's part goes, from the names in its key.
uint64_t key_hash_of(ServiceKeyView service, std::string_view id);
uint64_t key_hash_of(const SessionId& id);
uint64_t override_hash_of(ServiceKeyView service, std::string_view id);

/// A record's part. Not in it: announcement times, and bodies, which their stamp stands for.
uint64_t replica_part(uint64_t key_hash, const InstanceRecord& record);
uint64_t replica_part(uint64_t key_hash, const Liveness& session, std::string_view superseded,
                      std::string_view sections);
uint64_t replica_part(uint64_t key_hash, const Override& said);

}  // namespace callbook::core
