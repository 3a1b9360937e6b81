#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "core/stamp.h"

namespace callbook::core {

// Sections are the facets at the end of a record that were not there in its first release: each is
// a tag, a stamp, and bytes. A node merges them without understanding them (the higher stamp of a
// tag wins), so that a record which an older node publishes does not erase what a newer one wrote.
// Encoded: (u8 tag, u64 and u32 stamp, string bytes)*, tags ascending, each once.

// Tags that this release reads, by kind of record; all others are passed on.
inline constexpr uint8_t kStatusSection = 1;     ///< instance: provider_status.h
inline constexpr uint8_t kExtrasSection = 2;     ///< instance: registration_extras.h
inline constexpr uint8_t kProcessSection = 1;    ///< session: process_facts.h
inline constexpr uint8_t kExclusionSection = 1;  ///< override: override.h

struct Section {
  uint8_t tag = 0;
  Stamp stamp;
  std::string_view bytes;
};

/// Whether `sections` is well formed.
bool valid_sections(std::string_view sections);
/// Of each tag the section with the higher stamp.
std::string merge_sections(std::string_view a, std::string_view b);
/// Whether `mine` has a tag or a higher stamp that `other` lacks.
bool sections_hold_more(std::string_view mine, std::string_view other);
/// The section with `tag`, if there is one. Borrows from `sections`.
std::optional<Section> find_section(std::string_view sections, uint8_t tag);
/// `sections` with one more, in place of what its tag says there if that is older.
std::string with_section(std::string_view sections, uint8_t tag, Stamp stamp,
                         std::string_view bytes);
/// Appends one section; the caller keeps tags ascending.
void put_section(std::string& out, uint8_t tag, Stamp stamp, std::string_view bytes);

}  // namespace callbook::core
