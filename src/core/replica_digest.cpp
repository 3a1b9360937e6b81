#include "core/replica_digest.h"

#include "base/hash.h"

namespace callbook::core {
namespace {

uint64_t combine(uint64_t hash, uint64_t value) {
  return base::mix64(hash * 0x9E3779B97F4A7C15 + value);
}

uint64_t combine(uint64_t hash, const Stamp& stamp) {
  return combine(combine(hash, stamp.hlc), stamp.node);
}

uint64_t combine(uint64_t hash, const Liveness& liveness) {
  if (liveness.epoch == 0) return hash;
  hash = combine(combine(hash, liveness.epoch), liveness.stamp);
  return combine(hash, liveness.ended ? 1 : 0);
}

}  // namespace

uint64_t ReplicaDigest::root() const {
  uint64_t root = 0;
  for (uint64_t bucket : buckets_) root = combine(root, bucket);
  return root;
}

BucketSet ReplicaDigest::differing(const Buckets& other) const {
  BucketSet differing;
  for (size_t i = 0; i < kReplicaBuckets; ++i) differing[i] = buckets_[i] != other[i];
  return differing;
}

uint64_t key_hash_of(ServiceKeyView service, std::string_view id) {
  return base::xxh64(id, base::xxh64(service.name, base::xxh64(service.space)));
}

uint64_t key_hash_of(const SessionId& id) {
  return base::mix64(base::mix64(id.high) + id.low);
}

uint64_t override_hash_of(ServiceKeyView service, std::string_view id) {
  return base::mix64(key_hash_of(service, id) + 1);
}

uint64_t replica_part(uint64_t key_hash, const InstanceRecord& record) {
  uint64_t part = combine(key_hash, static_cast<uint64_t>(record.kind));
  part = combine(combine(part, record.stamp), record.liveness);
  if (!record.sections.empty()) part = combine(part, base::xxh64(record.sections));
  return part;
}

uint64_t replica_part(uint64_t key_hash, const Liveness& session, std::string_view superseded,
                      std::string_view sections) {
  uint64_t part = combine(key_hash, session);
  if (!superseded.empty()) part = combine(part, ~base::xxh64(superseded));
  if (!sections.empty()) part = combine(part, base::xxh64(sections));
  return part;
}

uint64_t replica_part(uint64_t key_hash, const Override& said) {
  uint64_t part = combine(key_hash, said.stamp);
  if (!said.sections.empty()) part = combine(part, base::xxh64(said.sections));
  return part;
}

}  // namespace callbook::core
