#include "sdk/process_id.h"

#include <atomic>
#include <memory>
#include <random>

#include <fmt/format.h>
#include <sys/types.h>
#include <unistd.h>

namespace callbook::sdk {
namespace {

struct Identity {
  pid_t process = 0;  ///< whose it is: a forked child finds its parent's
  std::string id;
};

// No lock, which a thread that does not exist in a forked child could hold there for ever.
std::atomic<const Identity*> present{nullptr};

std::string random_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

}  // namespace

const std::string& process_id() {
  const pid_t process = ::getpid();
  const Identity* known = present.load();
  if (known != nullptr && known->process == process) return known->id;
  auto made = std::make_unique<const Identity>(Identity{process, random_id()});
  // What it takes the place of stays: another thread may be reading it. It is a parent's, or none.
  if (!present.compare_exchange_strong(known, made.get())) return known->id;
  return made.release()->id;
}

}  // namespace callbook::sdk
