# The layers of the house (docs/architecture.md), one static library each.
#
# callbook_layer(NAME core DIR core SOURCES ... USES base [LIBS ...] [PRIVATE_LIBS ...] [SHARED])
#
# SHARED: its code also goes into the shared library of the client (packaging/), in which nobody
# takes the place of one of its functions.
#
# A layer sees the headers of the layers named in USES and of no other: each layer's headers are
# reached through a folder of links that holds just that layer, so an include that the design
# forbids does not compile. tools/check_layers.py checks the same by reading the sources, and
# tests/house/link links each layer with nothing but those it names.

set(CALLBOOK_LINKS ${CMAKE_BINARY_DIR}/layer-includes)

# The precompiled header of all unit tests: made once, since each costs seconds.
function(callbook_test_header target)
  if(NOT TARGET callbook_test_header)
    add_library(callbook_test_header OBJECT ${PROJECT_SOURCE_DIR}/cmake/test_header.cpp)
    target_link_libraries(callbook_test_header PRIVATE GTest::gmock fmt::fmt)
    target_precompile_headers(callbook_test_header PRIVATE <gmock/gmock.h> <gtest/gtest.h>
                              <string> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM callbook_test_header)
endfunction()

function(callbook_layer)
  cmake_parse_arguments(L "SHARED" "NAME;DIR" "SOURCES;TESTS;USES;LIBS;PRIVATE_LIBS" ${ARGN})
  set(target callbook_${L_NAME})
  add_library(${target} STATIC ${L_SOURCES})
  set_property(GLOBAL APPEND PROPERTY CALLBOOK_LAYERS ${L_NAME})

  if(L_SHARED)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${target} PRIVATE
      -fno-semantic-interposition -ftls-model=initial-exec)
  endif()

  get_filename_component(parent ${L_DIR} DIRECTORY)
  file(MAKE_DIRECTORY ${CALLBOOK_LINKS}/${L_NAME}/${parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${L_DIR} ${CALLBOOK_LINKS}/${L_NAME}/${L_DIR} SYMBOLIC)
  target_include_directories(${target} PUBLIC ${CALLBOOK_LINKS}/${L_NAME})

  foreach(used IN LISTS L_USES)
    target_link_libraries(${target} PUBLIC callbook_${used})
  endforeach()
  target_link_libraries(${target} PUBLIC ${L_LIBS} PRIVATE ${L_PRIVATE_LIBS})

  if(CALLBOOK_TESTS AND L_TESTS)
    add_executable(${L_NAME}_test ${L_TESTS})
    target_link_libraries(${L_NAME}_test PRIVATE ${target} ${L_PRIVATE_LIBS} GTest::gmock_main)
    callbook_test_header(${L_NAME}_test)
    add_test(NAME ${L_NAME} COMMAND ${L_NAME}_test)
  endif()
endfunction()
