#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/front.h"
#include "core/output.h"
#include "store/log.h"

namespace callbook::sim {

/// Answers that wait until what they tell of is safe: on the disk, and in a cluster acknowledged by
/// the bus. One that waits for too long, or for a log that has degraded, becomes kAppliedNotLogged.
class LoggedAnswers {
 public:
  static constexpr int64_t kLongestWaitMs = 5'000;

  struct Waiting {
    store::Position position = 0;  ///< of the log, when it had been written
    std::string key;               ///< encoded; empty where the bus does not matter
    uint64_t version = 0;          ///< of the key's change, for the bus
    int64_t until_ms = 0;
    base::Result<core::Reply> reply;
    core::Completion done;
  };

  void add(Waiting waiting, const store::Log& log);
  /// The bus has a key's changes through a version.
  void settle(const core::RecordSettled& settled);
  /// Everything that the node has changed so far is settled.
  void settle_all();
  bool waits_for_disk(const store::Log& log) const;
  /// Gives the answers that are due.
  void check(const store::Log& log, int64_t now_ms);

 private:
  std::vector<Waiting> waiting_;
};

}  // namespace callbook::sim
