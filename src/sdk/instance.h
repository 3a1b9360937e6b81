#pragma once

#include "callbook/instance.h"

namespace callbook::sdk {

/// The library's own words for instances are the public ones.
using callbook::Instance;
using callbook::InstancePtr;
using callbook::kDefaultNamespace;
using callbook::kDefaultState;
using callbook::kDefaultWeight;

}  // namespace callbook::sdk
