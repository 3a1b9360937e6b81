#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/log.h"

namespace callbook::base {

/// The names of the levels, in their order, as settings and lines have them.
inline constexpr std::array<std::string_view, 5> kLogLevelNames = {"trace", "debug", "info",
                                                                   "warning", "error"};

/// Appends `text` so that it stays on its line and looks like what it is: control characters (C0,
/// DEL, C1), line and paragraph separators, and characters that change the direction of writing or
/// can't be seen at all come as \u00XX; bytes that are not UTF-8 as \ufffd. The rest is unchanged,
/// backslashes included.
void append_visible(std::string& out, std::string_view text);

/// Appends `text` as the value of a name=value pair, so that it can be told where it ends: as it is
/// when it consists of letters, digits and `.-_:@~+/%[],` alone, otherwise between quotes, with `"`
/// and `\` escaped. Control characters are left to append_visible(). Above kMostValueBytes it is
/// cut and ends with an ellipsis.
void append_log_value(std::string& out, std::string_view text);
inline constexpr size_t kMostValueBytes = 1'024;

/// `text` up to kMostValueBytes, cut between characters and marked if it was longer.
std::string clip_log_value(std::string_view text);

/// The members of the JSON object that a line is, without braces, time and level:
/// "event":"override_set","message":"…","service":"orders".
void append_json_members(std::string& out, const LogLine& line);
/// The same for a line that is text alone; its event is "message".
void append_json_members(std::string& out, std::string_view message);

}  // namespace callbook::base
