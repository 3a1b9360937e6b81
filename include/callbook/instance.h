#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace callbook {

/// The share of traffic of an instance that says nothing else.
inline constexpr uint32_t kDefaultWeight = 100;
/// The state of an instance that says nothing else.
inline constexpr const char* kDefaultState = "up";
/// The namespace of a service that says nothing else.
inline constexpr const char* kDefaultNamespace = "default";

/// One instance of a service, as a consumer sees it or a provider announces it. Value type.
struct Instance {
  std::string id = {};
  std::string address = {};
  uint16_t port = 0;                           ///< 0: it has no default port
  std::map<std::string, uint16_t> ports = {};  ///< named ones
  std::string zone = {};
  uint32_t weight = kDefaultWeight;
  std::map<std::string, std::string> metadata = {};
  std::string state = kDefaultState;  ///< as the registry names it; a provider's own is not sent

  bool operator==(const Instance&) const = default;
};

/// Never modified: shared between lists, changes and picks.
using InstancePtr = std::shared_ptr<const Instance>;

}  // namespace callbook
