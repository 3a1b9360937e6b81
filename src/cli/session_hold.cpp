#include "cli/session_hold.h"

#include <utility>

#include "sdk/system_random.h"

namespace callbook::cli {

SessionHold::SessionHold(net::EventLoop& loop, sdk::RegistrationKeeper::Options options,
                         Hold::Owner& owner)
    : owner_(owner), keeper_(loop, std::move(options), sdk::system_random(), *this) {}

}  // namespace callbook::cli
