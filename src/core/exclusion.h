#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callbook::core {

/// That an operator has taken an instance out: it stays out, whatever its provider does, until it
/// is restored or another process registers its id. Part of an Override; it travels as a section of
/// the override's record (kExclusionSection), at the record's stamp.
struct Exclusion {
  enum class Action : uint8_t { kDrain = 1, kDeregister = 2 };

  Action action = Action::kDrain;
  int64_t until_wall_ms = 0;  ///< listed as draining until then; 0: it left at once
  std::string process;        ///< the process that is meant (ProcessFacts); empty: whichever it is

  bool operator==(const Exclusion&) const = default;

  /// Whether it is about an instance of this process. Of one that gave no id nobody can tell that
  /// it is another.
  bool is_about(std::string_view of) const {
    return process.empty() || of.empty() || of == process;
  }
};

std::string_view name_of(Exclusion::Action action);

/// As it is stored (docs/formats/records.md).
std::string encode(const Exclusion& exclusion);
/// Nothing for bytes that no release could have made. What follows the known fields is passed over.
std::optional<Exclusion> decode_exclusion(std::string_view bytes);

}  // namespace callbook::core
