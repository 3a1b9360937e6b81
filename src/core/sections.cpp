#include "core/sections.h"

namespace callbook::core {
namespace {

/// False at the end, or where it is malformed (then the reader has failed).
bool next(base::ByteReader& reader, Section& section) {
  if (reader.at_end()) return false;
  section.tag = reader.u8();
  section.stamp.hlc = reader.u64();
  section.stamp.node = reader.u32();
  section.bytes = reader.string();
  return reader.ok();
}

/// Walks two lists in step: calls `visit(a, b)` for each tag, null where one lacks it.
template <typename Visit>
void walk(std::string_view a, std::string_view b, Visit&& visit) {
  base::ByteReader reader_a(a);
  base::ByteReader reader_b(b);
  Section section_a;
  Section section_b;
  bool has_a = next(reader_a, section_a);
  bool has_b = next(reader_b, section_b);
  while (has_a || has_b) {
    const bool take_a = has_a && (!has_b || section_a.tag <= section_b.tag);
    const bool take_b = has_b && (!has_a || section_b.tag <= section_a.tag);
    visit(take_a ? &section_a : nullptr, take_b ? &section_b : nullptr);
    if (take_a) has_a = next(reader_a, section_a);
    if (take_b) has_b = next(reader_b, section_b);
  }
}

}  // namespace

bool valid_sections(std::string_view sections) {
  base::ByteReader reader(sections);
  int last = -1;
  Section section;
  while (next(reader, section)) {
    if (section.tag <= last) return false;
    last = section.tag;
  }
  return reader.ok();
}

std::string merge_sections(std::string_view a, std::string_view b) {
  if (a == b || b.empty()) return std::string(a);
  std::string merged;
  walk(a, b, [&](const Section* from_a, const Section* from_b) {
    const bool take_a = from_b == nullptr || (from_a != nullptr && from_a->stamp >= from_b->stamp);
    const Section& taken = take_a ? *from_a : *from_b;
    put_section(merged, taken.tag, taken.stamp, taken.bytes);
  });
  return merged;
}

bool sections_hold_more(std::string_view mine, std::string_view other) {
  if (mine == other || mine.empty()) return false;
  bool more = false;
  walk(mine, other, [&](const Section* own, const Section* theirs) {
    more |= own != nullptr && (theirs == nullptr || own->stamp > theirs->stamp);
  });
  return more;
}

std::optional<Section> find_section(std::string_view sections, uint8_t tag) {
  base::ByteReader reader(sections);
  Section section;
  while (next(reader, section) && section.tag <= tag) {
    if (section.tag == tag) return section;
  }
  return std::nullopt;
}

std::string with_section(std::string_view sections, uint8_t tag, Stamp stamp,
                         std::string_view bytes) {
  std::string one;
  put_section(one, tag, stamp, bytes);
  return merge_sections(sections, one);
}

void put_section(std::string& out, uint8_t tag, Stamp stamp, std::string_view bytes) {
  base::put_u8(out, tag);
  base::put_u64(out, stamp.hlc);
  base::put_u32(out, stamp.node);
  base::put_string(out, bytes);
}

}  // namespace callbook::core
