#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/registry.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: what this release does not understand it keeps. A facet that a node of the next
/// release has added to a record is in every node's record of that key at the end, whoever has
/// written the record since; unless a later one under the same tag has replaced it.
///
/// Allowances: the bus may lose a message that nobody has applied, so a facet is demanded once two
/// nodes have written it down on a disk that takes what is written. A record that any node has
/// forgotten for its age since may have been made anew without it; and a node that has no record of
/// the key owes nothing.
class SectionChecker {
 public:
  explicit SectionChecker(Evidence& evidence) : evidence_(evidence) {}

  /// A record with this (encoded) key was published with a section of this tag.
  void expect(const std::string& record_key, uint8_t tag, std::string bytes);
  void on_step(size_t node, const core::Outputs& out);
  /// `nodes` by index; null where none runs.
  void finish(const std::vector<const core::Registry*>& nodes);

 private:
  struct Section {
    std::string bytes;
    uint64_t holders = 0;  ///< bits: nodes that have written it
  };
  /// By record key and tag: what was published, in order.
  using Sections = std::map<std::string, std::map<uint8_t, std::vector<Section>>, std::less<>>;

  void judge(size_t node, std::string_view key, std::string_view value);

  Evidence& evidence_;
  Sections sections_;
};

}  // namespace callbook::sim
