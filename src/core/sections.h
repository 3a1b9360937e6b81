#pragma once

#include <string>
#include <string_view>

#include "base/encoding.h"
#include "core/stamp.h"

namespace callbook::core {

// Sections are the facets at the end of a record that this release does not know by name: each is
// a tag, a stamp, and bytes. A node merges them without understanding them (the higher stamp of a
// tag wins), so that a record which an older node publishes does not erase what a newer one wrote.
// Encoded: (u8 tag, u64 and u32 stamp, string bytes)*, tags ascending, each once.

/// Whether `sections` is well formed.
bool valid_sections(std::string_view sections);
/// Of each tag the section with the higher stamp.
std::string merge_sections(std::string_view a, std::string_view b);
/// Whether `mine` has a tag or a higher stamp that `other` lacks.
bool sections_hold_more(std::string_view mine, std::string_view other);
/// Appends one section; the caller keeps tags ascending.
void put_section(std::string& out, uint8_t tag, Stamp stamp, std::string_view bytes);

}  // namespace callbook::core
