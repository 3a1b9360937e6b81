#pragma once

#include <cstdio>
#include <cstdlib>

/// Aborts when an invariant of our own is broken. Never for input or for the environment: those
/// are answered with a base::Error. Stays on in release builds.
#define CALLBOOK_CHECK(condition)                                                            \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: invariant broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
