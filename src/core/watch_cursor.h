#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/service_view.h"

namespace callbook::core {

/// What a subscriber of one service is owed now.
struct Owed {
  enum class Kind : uint8_t {
    kNothing,
    kSnapshot,  ///< entries after the id `after`, from the present view
    kDelta      ///< changes after version `from`, as they stand in the present view
  };
  Kind kind = Kind::kNothing;
  bool first = false;         ///< of a snapshot: the part that replaces what the client has
  bool may_complete = false;  ///< of a snapshot: its last part makes the list whole
  std::string_view after;
  uint64_t from = 0;
};

/// How far one subscriber has got with one service: constant memory, whatever it is owed. Pure: the
/// caller encodes and sends what owed() says, then reports it by sent_…().
///
/// Large lists go in parts. The list may change between two parts; then the parts are a mixture,
/// and a delta from the version at which the first part was taken makes it whole. A subscriber's
/// list is whole exactly when whole() says so, and only then is it given a digest.
class WatchCursor {
 public:
  /// Has nothing: will be sent a snapshot.
  static WatchCursor blank() { return WatchCursor(); }
  /// Has the list as it was at `version` of this boot.
  static WatchCursor at_version(uint64_t version);
  /// Has a list with this digest, from anywhere.
  static WatchCursor with_digest(uint64_t digest);

  /// `view` is null while the service is not known. Moves a digest that matches to the present.
  Owed owed(const ServiceView* view);
  /// Entries through `last` of a snapshot were sent; `end`: there are no more.
  void sent_snapshot(const ServiceView* view, std::string_view last, bool end);
  /// Changes through version `to` were sent.
  void sent_delta(const ServiceView& view, uint64_t to);

  /// The subscriber has a whole list (perhaps an old one).
  bool whole() const { return state_ == State::kAt; }
  /// … and it is the one of `version`, or a later one.
  bool has_reached(uint64_t version) const { return whole() && version_ >= version; }

 private:
  enum class State : uint8_t { kBlank, kDigest, kPartial, kAt };

  State state_ = State::kBlank;
  bool mixed_ = false;    ///< kPartial: parts came from different versions
  uint64_t version_ = 0;  ///< kPartial: of the first part; kAt: reached; kDigest: the digest
  std::string after_;     ///< kPartial: last id sent
};

}  // namespace callbook::core
