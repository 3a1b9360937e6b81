#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/instance.h"

namespace callbook::sdk {

// What a server says of the list of one service, decoded (docs/native-api.md, "Watching").

/// Why a list is empty.
struct Emptiness {
  std::string reason;                      ///< "never_registered" or "all_left"
  std::map<std::string, uint64_t> causes;  ///< by which the last ones left, counted

  bool operator==(const Emptiness&) const = default;
};

/// Records that could not be read, and were left out.
struct Skipped {
  uint64_t count = 0;
  std::string why;  ///< of the first
};

/// A snapshot, or one part of a long one.
struct SnapshotPart {
  std::string service;
  uint32_t part = 1;  ///< 1 replaces the list, any other number adds to it
  std::vector<Instance> instances;
  std::optional<uint64_t> digest;  ///< present when the list is complete with this part
  std::optional<Emptiness> empty;
  Skipped skipped = {};
  uint64_t largest = 0;  ///< the service's largest size lately; 0: no more than are listed
};

/// Changes to a list.
struct Delta {
  struct Put {
    Instance instance;
    std::string cause;
  };
  struct Gone {
    std::string id;
    std::string cause;
  };
  struct NewState {
    std::string id;
    std::string state;
    std::string cause;
  };
  std::string service;
  std::vector<Put> put;
  std::vector<Gone> gone;
  std::vector<NewState> states;
  std::optional<uint64_t> digest;  ///< present when the list is complete with this delta
  Skipped skipped = {};
  uint64_t largest = 0;  ///< as in SnapshotPart
};

}  // namespace callbook::sdk
