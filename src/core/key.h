#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace callbook::core {

inline constexpr std::string_view kDefaultNamespace = "default";

/// Names a service of this data center. Borrowed form.
struct ServiceKeyView {
  std::string_view space;  ///< the namespace
  std::string_view name;

  auto operator<=>(const ServiceKeyView&) const = default;
};

struct ServiceKey {
  std::string space;
  std::string name;

  ServiceKey() = default;
  ServiceKey(std::string_view in_space, std::string_view named) : space(in_space), name(named) {}
  explicit ServiceKey(ServiceKeyView view) : ServiceKey(view.space, view.name) {}
  operator ServiceKeyView() const { return {space, name}; }  // NOLINT: implicit
  auto operator<=>(const ServiceKey&) const = default;
};

/// Names an instance of this data center.
struct InstanceKey {
  ServiceKey service;
  std::string id;

  auto operator<=>(const InstanceKey&) const = default;
};

/// Lets hash maps keyed by ServiceKey be searched with views.
struct ServiceKeyHash {
  using is_transparent = void;
  size_t operator()(ServiceKeyView key) const {
    return base::xxh64(key.name, base::xxh64(key.space));
  }
  size_t operator()(const ServiceKey& key) const { return (*this)(ServiceKeyView(key)); }
};

struct ServiceKeyEqual {
  using is_transparent = void;
  bool operator()(ServiceKeyView a, ServiceKeyView b) const { return a == b; }
};

}  // namespace callbook::core
