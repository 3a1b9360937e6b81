#pragma once

#include <string>
#include <vector>

#include "base/json_writer.h"
#include "sdk/list_event.h"

namespace callbook::cli {

/// Rows as aligned columns, two spaces apart, each line ended; the first row is the heading.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

/// The instances as people read them: ID ADDRESS PORT ZONE WEIGHT STATE METADATA.
std::string instances_text(const std::vector<sdk::Instance>& instances);

/// Where it is reached: "10.0.0.7:8080", "[::1]:8080", or the address alone if it has no port.
std::string place_of(const sdk::Instance& instance);

/// One instance on a line: "o-1 10.0.0.7:8080 zone=a weight=5 suspect".
std::string instance_line(const sdk::Instance& instance);

/// Why the list of `service` is empty, as a sentence.
std::string emptiness_text(const std::string& service,
                           const std::optional<sdk::Emptiness>& emptiness);

/// The instance as the native API writes it in a snapshot.
void write_instance(base::JsonWriter& json, const sdk::Instance& instance);
void write_emptiness(base::JsonWriter& json, const sdk::Emptiness& emptiness);

}  // namespace callbook::cli
