#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_function.h"
#include "core/input.h"
#include "core/output.h"
#include "core/registry.h"

namespace callbook::node {

/// A change that the bus has not acknowledged: the record's encoded key, and its version here.
struct OwedChange {
  std::string key;
  uint64_t version = 0;
};

/// What of `input`, which `registry` has answered with `reply`, the bus is owed; none: it has it,
/// or it is none of its business.
std::optional<OwedChange> owed_change(const core::Input& input, const core::Reply& reply,
                                      const core::Registry& registry);

/// Who waits until the bus has acknowledged a change. Not thread-safe.
class BusAcks {
 public:
  using Done = base::UniqueFunction<void(const base::Status&)>;

  void wait(OwedChange change, int64_t until_ms, Done done);
  void settle(const core::RecordSettled& settled);
  /// Tells kAppliedNotLogged to those whose time has come.
  void expire(int64_t now_ms);
  /// The bus is lost: tells all.
  void fail_all();
  size_t size() const { return count_; }

 private:
  struct Waiting {
    uint64_t version = 0;
    int64_t until_ms = 0;
    Done done;
  };

  template <typename Rule>
  void tell(Rule rule, const base::Status& status);

  std::map<std::string, std::vector<Waiting>, std::less<>> waiting_;
  size_t count_ = 0;
};

/// What they are told for whom the bus has no ear: kAppliedNotLogged.
base::Error bus_away();

}  // namespace callbook::node
