#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/callable.h"
#include "core/cause.h"
#include "core/delta_window.h"
#include "core/instance_list.h"
#include "core/key.h"
#include "core/override.h"
#include "core/provider_status.h"

namespace callbook::core {

/// How many instances left a service for each cause; index by Cause. Kept for 24 h.
using Departures = std::array<uint32_t, kCauseCount>;

struct ServiceView;
/// What consumers are told of a change: the cause's name; of an override also its author and
/// reason, "override by alice: maintenance"; of a status its text, "provider_status: disk full".
std::string text_of(Cause cause, const ServiceView& view, std::string_view id);

/// Keeps replaced instances alive while a published list may still name them: instances carry no
/// reference count. The bin of version N holds what version N+1 no longer needs, and a reference to
/// the bin of version N+1; a reader of version N holds bin N. So a bin dies, and frees what it
/// holds, when no reader of its version or an older one is left.
class RetireBin {
 public:
  RetireBin() = default;
  ~RetireBin();
  RetireBin(const RetireBin&) = delete;
  RetireBin& operator=(const RetireBin&) = delete;

  /// Core's thread, before the next version is published.
  void retire(Instance::Ptr instance) { retired_.push_back(std::move(instance)); }
  bool empty() const { return retired_.empty(); }
  void follow(std::shared_ptr<RetireBin> next) { next_ = std::move(next); }

 private:
  std::vector<Instance::Ptr> retired_;
  std::shared_ptr<RetireBin> next_;
};

/// One version of one service, immutable: what front-ends read, on any thread, without locks.
struct ServiceView {
  uint32_t index = 0;  ///< of the service in the catalog; may be reused after the service is gone
  ServiceKey key;
  uint64_t version = 0;  ///< of the last change of the list
  uint64_t digest = 0;   ///< list digest (docs/formats/digest.md)
  InstanceList list;
  DeltaWindow window;
  Departures departures{};
  std::shared_ptr<const Overrides> overrides;  ///< null: none
  std::shared_ptr<const Statuses> statuses;    ///< null: all say `up`
  Standing standing;                           ///< for may_be_called()
  const Interner* interner = nullptr;          ///< outlives every view
  std::shared_ptr<RetireBin> bin;
};

using ServiceViewPtr = std::shared_ptr<const ServiceView>;

/// A service has a new version; `view` is null when the service itself is forgotten.
struct ServicePublished {
  uint32_t index = 0;
  ServiceViewPtr view;
};

using Publication = std::vector<ServicePublished>;

}  // namespace callbook::core
