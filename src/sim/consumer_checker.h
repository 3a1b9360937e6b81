#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sdk/directory.h"
#include "sim/client_port.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// A consumer, as far as the checker needs to know it.
class ListHolder {
 public:
  virtual ~ListHolder() = default;
  virtual ClientId client() const = 0;
  /// The node whose stream it reads now, if any.
  virtual std::optional<size_t> connected() const = 0;
  virtual size_t list_count() const = 0;
  virtual uint32_t service(size_t list) const = 0;
  virtual const sdk::Directory& directory(size_t list) const = 0;
};

/// Property: what a consumer holds is what its node publishes.
///
/// - Whenever a digest has proven its list whole, the node has published a list with this
///   digest, in this process or (bytes may outlive it) the one before. An unknown service counts as
///   published empty, but not while the node was still loading.
/// - With every event id each list of the stream is whole, and is the one that this process of the
///   node published last at or below the id's version, or a later one: so a stream that was resumed
///   has skipped nothing. No allowance.
/// - With every sign of life from a node in touch with everybody the lists are whole, and none has
///   been out of date for longer than kStaleMs. Not while consumers are made slow.
/// - No digest ever contradicts what was sent: the client would notice, but has been misled.
/// - At the end every consumer is connected and holds exactly what its node publishes.
class ConsumerChecker {
 public:
  static constexpr int64_t kStaleMs = 30'000;

  explicit ConsumerChecker(Evidence& evidence) : evidence_(evidence) {}

  /// The holder must live until finish().
  void add(const ListHolder& holder) { holders_.push_back(&holder); }
  void consumers_slowed() { slowed_ms_ = evidence_.now_ms(); }

  /// After the holder has taken in an event of list `list`: `proven` if it carried a digest.
  void took_event(const ListHolder& holder, size_t list, bool proven,
                  const std::optional<std::pair<uint64_t, uint64_t>>& id);
  void contradicted(const ListHolder& holder, size_t list);
  void sign_of_life(const ListHolder& holder);
  void finish();

 private:
  void check_shown(const ListHolder& holder, size_t list);
  void check_reached(const ListHolder& holder, size_t list, std::pair<uint64_t, uint64_t> id);
  void check_fresh(const ListHolder& holder, size_t list);
  bool may_be_unknown(size_t node, uint32_t service) const;
  void fail(const ListHolder& holder, size_t list, std::string text);

  Evidence& evidence_;
  std::vector<const ListHolder*> holders_;
  int64_t slowed_ms_ = kLongAgo;
};

}  // namespace callbook::sim
