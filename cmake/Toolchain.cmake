# Compiler switches of the whole tree. Nothing here names a layer.

find_program(CALLBOOK_CCACHE ccache)
if(CALLBOOK_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CALLBOOK_CCACHE})
endif()

find_program(CALLBOOK_MOLD mold)
if(CALLBOOK_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
                    -Woverloaded-virtual -Werror -fno-omit-frame-pointer)
# GCC 12 reports false positives from inlined std::string and coroutine frames at -O2.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow
                      -Wno-array-bounds -Wno-dangling-pointer)
endif()

# Any x86-64 server since 2010: the store's CRC32C instruction, and simdjson's vector code.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-msse4.2 -mpclmul -mpopcnt)
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")

if(CALLBOOK_SANITIZE)
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -g1")  # compiles faster; the sanitizers dwarf the difference
  add_compile_options(-fsanitize=${CALLBOOK_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CALLBOOK_SANITIZE})
endif()

# Every object of a fuzz build reports its coverage to libFuzzer; fuzz/ links the driver itself.
if(CALLBOOK_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "CALLBOOK_FUZZ needs clang (make fuzz chooses it)")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
