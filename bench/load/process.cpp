#include "load/process.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "load/fail.h"
#include <poll.h>

namespace callbook::load {

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Process::Process(pid_t pid) : pid_(pid) {
  if (clock_getcpuclockid(pid, &clock_) != 0) fail("there is no process {}", pid);
}

int64_t Process::cpu_ns() const {
  timespec used;
  if (clock_gettime(clock_, &used) != 0) fail("process {} has ended", pid_);
  return used.tv_sec * 1'000'000'000LL + used.tv_nsec;
}

int64_t Process::anonymous_bytes() const {
  std::ifstream status(fmt::format("/proc/{}/status", pid_));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::strtoll(line.c_str() + 8, nullptr, 10) * 1024;
  }
  fail("process {} has ended", pid_);
}

int64_t Process::settled_anonymous_bytes() const {
  int64_t before = anonymous_bytes();
  for (int round = 0; round < 33; ++round) {
    poll(nullptr, 0, 300);
    const int64_t after = anonymous_bytes();
    if (std::abs(after - before) * 200 < before) return after;
    before = after;
  }
  return before;
}

}  // namespace callbook::load
