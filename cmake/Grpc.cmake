# gRPC C++ and protocol buffers, for the optional component callbook_grpc and what is tried with it.
# Debian's packages have no CMake files that work by themselves, so they are looked for by name.

find_path(CALLBOOK_GRPC_INCLUDE grpcpp/grpcpp.h)
find_library(CALLBOOK_GRPC_LIBRARY grpc++)
find_library(CALLBOOK_GPR_LIBRARY gpr)
find_library(CALLBOOK_ABSL_LIBRARY absl_synchronization)  # gRPC's headers use its Mutex
find_program(CALLBOOK_GRPC_PLUGIN grpc_cpp_plugin)
find_package(Protobuf)

if(CALLBOOK_GRPC_INCLUDE AND CALLBOOK_GRPC_LIBRARY AND CALLBOOK_GPR_LIBRARY
   AND CALLBOOK_ABSL_LIBRARY AND CALLBOOK_GRPC_PLUGIN AND Protobuf_FOUND)
  set(CALLBOOK_GRPC_FOUND ON)
else()
  set(CALLBOOK_GRPC_FOUND OFF)
endif()

# Makes every header that is made by the build, and compiles nothing: what reads sources without
# building them (make lint) needs no more.
add_custom_target(callbook_generated)

# A static library of what protoc makes of one .proto of the current folder; included as NAME.pb.h and
# NAME.grpc.pb.h.
function(callbook_proto target name)
  set(made ${CMAKE_CURRENT_BINARY_DIR}/proto)
  set(outputs ${made}/${name}.pb.cc ${made}/${name}.pb.h ${made}/${name}.grpc.pb.cc
              ${made}/${name}.grpc.pb.h)
  file(MAKE_DIRECTORY ${made})
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${Protobuf_PROTOC_EXECUTABLE} -I ${CMAKE_CURRENT_SOURCE_DIR} --cpp_out=${made}
            --grpc_out=${made} --plugin=protoc-gen-grpc=${CALLBOOK_GRPC_PLUGIN} ${name}.proto
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.proto)
  add_custom_target(${target}_generated DEPENDS ${outputs})
  add_dependencies(callbook_generated ${target}_generated)
  add_library(${target} STATIC ${outputs})
  target_include_directories(${target} SYSTEM PUBLIC ${made})
  target_compile_options(${target} PRIVATE -w)  # not ours to mend
  target_link_libraries(${target} PUBLIC grpcpp protobuf::libprotobuf)
endfunction()

if(CALLBOOK_GRPC_FOUND AND NOT TARGET grpcpp)
  add_library(grpcpp INTERFACE)
  target_include_directories(grpcpp SYSTEM INTERFACE ${CALLBOOK_GRPC_INCLUDE})
  target_link_libraries(grpcpp INTERFACE ${CALLBOOK_GRPC_LIBRARY} ${CALLBOOK_GPR_LIBRARY}
                        ${CALLBOOK_ABSL_LIBRARY})
endif()
