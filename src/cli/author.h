#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

namespace callbook::cli {

/// What is known of the one that runs this command.
struct Caller {
  uid_t uid = 0;                            ///< the effective one
  std::optional<std::string> account = {};  ///< the name of `uid` in the user database
  std::string sudo_user = {};               ///< who called sudo, if the command runs under it
  std::string host = {};
};

/// The name under which an operator's act is recorded (`--by` says another): the user that called
/// sudo, where this is root's process; else the name of the account; else "uid-N@HOST", for
/// containers and units whose user is in no database. Never empty.
std::string author_of(const Caller& caller);

/// Of this process. Asks the user database, which may be a directory server.
std::string author_name();

}  // namespace callbook::cli
