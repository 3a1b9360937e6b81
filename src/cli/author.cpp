#include "cli/author.h"

#include <cerrno>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "sdk/local_address.h"

namespace callbook::cli {
namespace {

constexpr size_t kFirstBufferBytes = 1'024;
constexpr size_t kMostBufferBytes = 1'024 * 1'024;  // of one entry of the database

std::optional<std::string> account_of(uid_t uid) {
  std::vector<char> buffer(kFirstBufferBytes);
  passwd entry{};
  passwd* found = nullptr;
  int error = ERANGE;
  while (error == ERANGE && buffer.size() <= kMostBufferBytes) {
    error = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) buffer.resize(buffer.size() * 2);
  }
  if (error != 0 || found == nullptr || *found->pw_name == '\0') return std::nullopt;
  return std::string(found->pw_name);
}

}  // namespace

std::string author_of(const Caller& caller) {
  // Anybody can set SUDO_USER; that of root's process was set by sudo, or by root.
  if (caller.uid == 0 && !caller.sudo_user.empty()) return caller.sudo_user;
  if (caller.account) return *caller.account;
  return fmt::format("uid-{}@{}", caller.uid, caller.host);
}

std::string author_name() {
  const char* const sudo_user = std::getenv("SUDO_USER");
  const uid_t uid = ::geteuid();
  return author_of({uid, account_of(uid), sudo_user == nullptr ? "" : sudo_user, sdk::host_name()});
}

}  // namespace callbook::cli
