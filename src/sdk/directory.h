#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sdk/instance_list.h"
#include "sdk/list_event.h"

namespace callbook::sdk {

/// One difference between what a consumer held of a service and what it holds now.
struct Change {
  enum class Kind : uint8_t { kCame, kChanged, kLeft };
  Kind kind = Kind::kCame;
  InstancePtr instance;  ///< as it is now; of one that left, as it was
  std::string cause;     ///< as the server gave it; empty where it was not seen (after an absence)
};

/// The list of one service as a consumer holds it: a state machine over decoded events, without
/// clock, socket or thread. Not thread-safe.
///
/// The list in force changes only by what is complete, agrees with its digest and can be believed;
/// until then, and whenever it is not so, the former one stays. So no registry that is broken,
/// empty or half loaded takes a consumer's list away:
/// - What contradicts itself (digest, order, ids that come twice, parts without a beginning) is
///   dropped whole: mismatch().
/// - An empty snapshot is believed if it counts causes by which all that were held have left; a
///   delta that removes more than half if each that goes has such a cause: else refused(). A
///   registry forgets why instances left after a day, so who holds an older list believes more:
///   may_be_forgotten().
/// - A snapshot that is not empty gives no causes. One that lacks more than half of what was held
///   is believed when kOpinions streams in a row have said so.
/// - Records that can't be read are left out of a list: it is then impaired().
class Directory {
 public:
  /// Where the list in force comes from.
  enum class Source : uint8_t { kNone, kStatic, kCache, kRegistry };

  static constexpr int kOpinions = 3;
  /// More instances than this are no list (a registry holds fewer altogether, by its own limit).
  static constexpr size_t kMaxInstances = 5'000'000;

  explicit Directory(std::string service) : service_(std::move(service)) {}

  /// Begins with a list from before this process: in force at once, but not proven. REQUIRES that
  /// nothing has been taken.
  void restore(InstanceList list, Source source);

  /// Both take events of this service in the order of the stream. They return what has changed in
  /// the list in force, and why; nothing while an event that completes it is still to come. The
  /// list's largest() may change without any of that.
  std::vector<Change> take(SnapshotPart part);
  std::vector<Change> take(Delta delta);

  /// The server says that there is nothing (more) to send: if the stream began by the digest of the
  /// list in force, that is the present one.
  void confirmed();

  /// The stream broke: what was received of an unfinished change is worth nothing.
  void stream_lost();

  /// The list in force is so old that a registry may rightly have forgotten why its instances left.
  /// Lasts until a list is proven.
  void may_be_forgotten() { may_be_forgotten_ = true; }
  /// The list in force is so old that the largest size that came with it is no longer a recent one.
  void forget_largest() { list_.set_largest(0); }

  const std::string& service() const { return service_; }
  const InstanceList& instances() const { return list_; }
  Source source() const { return source_; }
  /// Whether the list was proven by a digest at least once, in this process or before: its own
  /// digest stands for it then, unless there is a mismatch() or it is impaired().
  bool known() const { return known_; }
  /// Whether the list is, as far as this process heard, the present one and proven by its digest.
  bool whole() const { return proven_ && staged_.empty() && !refused_; }
  /// Whether the latest event was not taken in, for a mismatch() or because it was refused(): what
  /// follows on the same stream is worth nothing. (Those two last longer: while the parts of a
  /// better answer come in they are still so.)
  bool dropped() const { return dropped_; }
  /// Whether what was received contradicts itself: ask again, without a digest. Lasts until a
  /// digest agrees.
  bool mismatch() const { return mismatch_; }
  /// Whether what was received is not believed: ask again, with the digest. Lasts until something
  /// is believed, or the list in force confirmed.
  bool refused() const { return refused_; }
  /// Whether the list is present but for records that could not be read: ask again, without a
  /// digest, later.
  bool impaired() const { return impaired_ && staged_.empty() && !refused_ && !mismatch_; }
  /// How many records that could not be read the list in force lacks.
  uint64_t skipped() const { return skipped_; }
  /// Of a mismatch, refusal or impairment: what is wrong, in words.
  const std::string& complaint() const { return complaint_; }
  /// Whether it has what digest() stands for at the registry, so that a watch can begin by it.
  bool can_resume() const { return known_ && !mismatch_ && !impaired_; }
  /// Why the list is empty, if it is and the server said so.
  const std::optional<Emptiness>& emptiness() const { return emptiness_; }

 private:
  struct Incoming {
    InstanceList list;
    std::optional<Emptiness> emptiness;
    std::string last_id;
    Skipped skipped;
  };
  using Undo = std::vector<std::pair<std::string, InstancePtr>>;

  static bool extend(Incoming& incoming, SnapshotPart& part);
  static void apply(Delta& delta, InstanceList& list, std::vector<Change>& changes, Undo& undo);
  std::vector<Change> settle_snapshot(uint64_t digest);
  std::vector<Change> settle_deltas(uint64_t digest);
  bool is_believable(const Incoming& incoming);
  void accept(uint64_t digest, Skipped skipped);
  void contradict(std::string why);
  void refuse(std::string why);

  std::string service_;
  InstanceList list_;
  Source source_ = Source::kNone;
  std::optional<Incoming> incoming_;
  std::vector<Delta> staged_;  ///< of a change whose digest is still to come
  size_t staged_records_ = 0;
  std::optional<Emptiness> emptiness_;
  bool known_ = false;
  bool dropped_ = false;
  bool proven_ = false;
  bool mismatch_ = false;
  bool refused_ = false;
  bool refused_on_this_stream_ = false;
  bool impaired_ = false;
  bool may_be_forgotten_ = false;
  int opinions_ = 0;      ///< streams in a row that gave less than half
  uint64_t lacking_ = 0;  ///< what the records that the list lacks add to the registry's digest
  uint64_t skipped_ = 0;
  std::string complaint_;
};

}  // namespace callbook::sdk
