#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace callbook::core {

enum class LeaseKind : uint8_t {
  kSession,
  kInstance,  ///< with a TTL of its own
  kChecks     ///< of an instance: no lease, but when the next one is due
};

/// What a lease belongs to; the slot's meaning is given by the owner of the wheel.
struct LeaseOwner {
  LeaseKind kind = LeaseKind::kSession;
  uint32_t slot = 0;
};

/// Time-to-live leases with O(1) renewal: renew() only writes the new deadline, and the wheel looks
/// again when the old one comes round. Deterministic; not thread-safe. Times are monotonic ms.
class LeaseWheel {
 public:
  using LeaseId = uint32_t;

  LeaseId add(LeaseOwner owner, int64_t ttl_ms, int64_t now_ms);
  void renew(LeaseId id, int64_t now_ms);
  void remove(LeaseId id);
  int64_t ttl_ms(LeaseId id) const { return leases_[id].ttl_ms; }
  int64_t deadline_ms(LeaseId id) const { return leases_[id].deadline_ms; }
  /// One that has lapsed, or would before `deadline_ms`, lapses then.
  void postpone(LeaseId id, int64_t deadline_ms, int64_t now_ms);
  /// A suspended lease does not lapse until it is renewed.
  void suspend(LeaseId id);
  /// Starts every lease anew in full, but for the suspended, and kChecks.
  void renew_all(int64_t now_ms);

  /// Appends the owners of the leases that have lapsed by `now_ms` to `lapsed`, in the order of
  /// their wheel slots. A lapsed lease stays, suspended, until it is removed or renewed.
  void advance(int64_t now_ms, std::vector<LeaseOwner>& lapsed);

  size_t size() const { return live_; }

 private:
  static constexpr int64_t kTickMs = 50;
  static constexpr size_t kSlots = 4096;  // about 205 s; later deadlines go round again
  static constexpr int64_t kNever = INT64_MAX;

  struct Lease {
    int64_t deadline_ms = 0;
    int64_t ttl_ms = 0;
    LeaseOwner owner;
    bool live = false;
    bool scheduled = false;  ///< stands in exactly one wheel slot
  };

  void schedule(LeaseId id, int64_t now_tick);
  void visit_slot(size_t slot, int64_t now_ms, std::vector<LeaseOwner>& lapsed);

  std::vector<Lease> leases_;
  std::vector<LeaseId> free_;
  std::array<std::vector<LeaseId>, kSlots> wheel_;
  std::vector<LeaseId> visiting_;
  int64_t tick_ = 0;  ///< the last tick visited
  bool started_ = false;
  size_t live_ = 0;
};

}  // namespace callbook::core
