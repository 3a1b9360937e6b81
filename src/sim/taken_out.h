#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "core/input.h"
#include "core/stamp.h"
#include "sim/known_records.h"
#include "sim/settings.h"
#include "sim/truth.h"

namespace callbook::sim {

/// Which instances operators have taken out, by what the nodes were asked and the stamps that they
/// gave it; and which process was meant, by what the node that was asked knew of the id's holder.
class TakenOut {
 public:
  TakenOut(const Settings& settings, const Truth& truth, const KnownRecords& records)
      : settings_(settings), truth_(truth), records_(records) {}

  /// Before the records of the step are taken in.
  void begin_step(size_t node, const core::Input& input);
  /// After them.
  void end_step(size_t node, bool accepted);

  /// The registry itself has ended it.
  void note_ended(KeyIndex key, core::Stamp stamp) { ended_.insert({key, stamp}); }
  bool has_ended(KeyIndex key, core::Stamp stamp) const { return ended_.contains({key, stamp}); }
  bool is_exclusion(KeyIndex key, core::Stamp stamp) const { return said_.contains({key, stamp}); }
  /// Whether the instance had been lost at the node that was asked: whether that still knew whose
  /// it was does not show.
  bool is_unsure(KeyIndex key, core::Stamp stamp) const { return unsure_.contains({key, stamp}); }
  /// The process that was meant, or kNobody where nobody can tell. REQUIRES is_exclusion().
  ProcessNumber meant(KeyIndex key, core::Stamp stamp) const { return said_.at({key, stamp}); }
  /// Whether the word of this stamp is about what `process` has registered.
  bool is_about(KeyIndex key, core::Stamp stamp, ProcessNumber process) const;
  /// Whether `node` knows a word by which it is not to list what `process` has registered.
  bool keeps_out(size_t node, KeyIndex key, ProcessNumber process) const;

 private:
  const Settings& settings_;
  const Truth& truth_;
  const KnownRecords& records_;
  std::map<std::pair<KeyIndex, core::Stamp>, ProcessNumber> said_;
  std::set<std::pair<KeyIndex, core::Stamp>> ended_;
  std::set<std::pair<KeyIndex, core::Stamp>> unsure_;
  KeyIndex asked_ = kNobody;  ///< by the step
  ProcessNumber holder_ = kNobody;
  bool lost_ = false;
};

}  // namespace callbook::sim
