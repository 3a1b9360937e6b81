#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace callbook::sdk {

/// The id of an instance that was given none: SERVICE-HOST-ADDRESS-PORT, so that two hosts of one
/// name, or two containers of one image, are two instances. HOST is left out where it is the
/// address. What an id must not hold becomes '-', so does '/', at which command lines split
/// SERVICE/ID; of one that is too long the end is a hash of the whole. Pure.
std::string default_instance_id(std::string_view service, std::string_view host,
                                std::string_view address, uint16_t port);

}  // namespace callbook::sdk
