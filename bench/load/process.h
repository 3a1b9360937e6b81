#pragma once

#include <cstdint>
#include <ctime>
#include <string_view>

#include <sys/types.h>

namespace callbook::load {

/// Monotonic nanoseconds; the same clock as Python's time.monotonic_ns().
int64_t now_ns();

/// What another process of this machine has used so far. Fails the program if it is not there.
class Process {
 public:
  explicit Process(pid_t pid);

  /// CPU time of all its threads, those that ended included, to the nanosecond (utime + stime of
  /// /proc/PID/stat advance in steps of 10 ms).
  int64_t cpu_ns() const;

  /// Anonymous resident memory (RssAnon): heap and stacks, not the binary nor mapped files.
  int64_t anonymous_bytes() const;

  /// The same once two readings 300 ms apart differ by less than 0.5 %, at most 10 s later.
  int64_t settled_anonymous_bytes() const;

 private:
  pid_t pid_;
  clockid_t clock_;
};

}  // namespace callbook::load
