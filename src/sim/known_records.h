#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/output.h"
#include "core/record_codec.h"
#include "core/registry.h"
#include "sim/truth.h"

namespace callbook::sim {

/// Which registration of its process a body is: every one says so in its metadata.
std::optional<uint32_t> rev_of(std::string_view metadata);

/// What a node's last record of an instance's key says.
struct KeyFacts {
  bool known = false;  ///< a record was seen, and not erased since
  core::RegistrationKind kind = core::RegistrationKind::kNone;
  core::Stamp stamp;
  core::Cause cause = core::Cause::kNone;
  std::optional<uint32_t> rev;  ///< of a body
  core::HolderKind holder = core::HolderKind::kPersistent;
  SessionIndex session = kNobody;
  uint32_t session_ends = 0;    ///< how often the session had ended here when this was written
  bool waited_in_vain = false;  ///< perhaps: a node forgets bodies whose session it never hears of
  core::Liveness liveness;      ///< of an own TTL
  std::string address;          ///< of a body, as the next two
  uint16_t port = 0;
  std::string zone;
  /// Of a body: its holder has said that it is something else than up.
  bool withheld = false;
};

/// What a node's last record of a session says.
struct SessionFacts {
  bool known = false;
  bool superseded = false;
  core::Stamp opened;
  core::Liveness liveness;
  /// How often it has ended here: with each end the node forgets the bodies, and writes no record
  /// of that.
  uint32_t ends = 0;
};

/// What an operator's word about one instance is.
struct OverrideFacts {
  bool known = false;
  bool set = false;
  core::Stamp stamp;
  bool out_of_service = false;  ///< whichever process has it: no exclusion of one
};

/// A change of that which a node wrote.
struct OverrideChange {
  size_t node = 0;
  KeyIndex key = kNobody;
  OverrideFacts before;
  OverrideFacts after;
  bool from_dump = false;
};

/// One record that a node wrote or was found to hold. Exactly one of key and session is set; what
/// operators say is kept, but is nobody's change.
struct RecordChange {
  size_t node = 0;
  KeyIndex key = kNobody;
  KeyFacts key_before;
  KeyFacts key_after;
  SessionIndex session = kNobody;
  SessionFacts session_before;
  SessionFacts session_after;
  bool from_dump = false;  ///< held, perhaps for long, and not written now
};

/// What every running node knows, as far as its own records tell: those that it writes as it goes,
/// and its dump when it begins to serve. Independent of what it makes of them.
class KnownRecords {
 public:
  KnownRecords(const Truth& truth, size_t nodes);

  void node_started(size_t node);

  /// Takes in the records that a step wrote. Outputs may be those of a whole batch of steps: what
  /// was seen before is passed over. Valid until the next call.
  const std::vector<RecordChange>& take(size_t index, const core::RecordBatch& records);
  /// The node has given up waiting for word of a session; which one it does not write.
  void unknown_session_ended(size_t node);
  /// Takes in all that the node holds; what it does not hold is forgotten.
  const std::vector<RecordChange>& take_dump(size_t index, const core::Registry& registry);
  /// What operators say, of the same records.
  const std::vector<OverrideChange>& override_changes() const { return override_changes_; }
  const std::string& error() const { return error_; }

  const KeyFacts& key(size_t node, KeyIndex key) const;
  const SessionFacts& session(size_t node, SessionIndex session) const;
  /// The session that holds the key's body at the node, if the node knows it to be open and has not
  /// forgotten the body with an earlier end of it; else kNobody.
  SessionIndex holder_of(size_t node, KeyIndex key) const;
  const OverrideFacts& override_of(size_t node, KeyIndex key) const;
  /// Whether the node's dump has been seen, so that what is not known here is not known there.
  bool complete(size_t node) const { return nodes_[node].complete; }

 private:
  struct Node {
    uint64_t last_version = 0;
    bool complete = false;
    std::vector<KeyFacts> keys;
    std::vector<SessionFacts> sessions;
    std::vector<OverrideFacts> overrides;  ///< by key
  };

  void take_item(size_t node, const core::RecordBatch::Item& item, bool from_dump);
  void take_instance(size_t index, const core::InstanceRecord& record, bool erased, bool from_dump);
  void take_session(size_t index, const core::SessionRecord& record, bool erased, bool from_dump);
  void take_override(size_t index, const core::OverrideRecord& record, bool erased, bool from_dump);
  /// Nothing, and an error, if nobody ever registered it.
  std::optional<KeyIndex> find_key(core::ServiceKeyView service, std::string_view id);

  const Truth& truth_;
  std::vector<Node> nodes_;
  std::vector<RecordChange> changes_;
  std::vector<OverrideChange> override_changes_;
  core::RecordBatch dump_;
  std::string error_;
};

}  // namespace callbook::sim
