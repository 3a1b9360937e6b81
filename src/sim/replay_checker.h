#pragma once

#include <map>
#include <string>
#include <string_view>

#include "sim/bus.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: the bus alone suffices to learn all that is listed. At the end, of everything that the
/// nodes list the last message on its stream holds the same registration, and that of its session
/// says that it is open; and what has no owner that announces it again is on the stream that does
/// not age.
///
/// Allowances: a registration that was repeated unchanged has a later stamp than the bus knows. A
/// bus that loses its tail, or forks, and is written to again before anybody has looked, lacks what
/// all nodes hold until owners announce it again: there nothing is demanded.
class ReplayChecker {
 public:
  explicit ReplayChecker(Evidence& evidence) : evidence_(evidence) {}

  void finish(const Bus& bus);

 private:
  using Last = std::map<std::string_view, std::string_view>;  ///< the last value of each key

  /// What is wrong with how `listed` stands on the bus, or empty.
  std::string objection(KeyIndex key, const Listing& listed) const;
  std::string objection(const core::InstanceRecord& record, core::Stream stream,
                        const Listing& listed) const;

  Evidence& evidence_;
  std::array<Last, core::kStreamCount> last_;
};

}  // namespace callbook::sim
