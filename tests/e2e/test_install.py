"""The installed package, used as a stranger would: programs that know nothing of this tree."""

import os
import subprocess
from pathlib import Path

import pytest

from registry import ROOT, binary

CXX = os.environ.get("CXX", "g++")
HEADERS = {path.name for path in (ROOT / "include/callbook").glob("*.h")}


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=300, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """A place in which everything is installed."""
    folder = tmp_path_factory.mktemp("installed")
    build = Path(binary()).resolve().parents[1]
    run("cmake", "--install", build, "--prefix", folder)
    return folder


@pytest.fixture(scope="module")
def libraries(prefix):
    (found,) = prefix.glob("lib*/**/libcallbook.so")
    return found.parent


def run_discover(program, node, libraries):
    said = run(program, f"127.0.0.1:{node.port}",
               env={**os.environ, "LD_LIBRARY_PATH": str(libraries)})
    assert said.startswith("callbook 0.2.0: here I would call greeter-"), said
    assert ":8080, for " in said, said


def test_what_is_installed_is_what_is_promised(prefix, libraries):
    assert {path.name for path in (prefix / "include/callbook").iterdir()} == HEADERS
    assert run(prefix / "bin/callbook", "--version").startswith("callbook 0.2.0")
    assert (libraries / "libcallbook.so").resolve().name == "libcallbook.so.0.2.0"


@pytest.mark.parametrize("header", sorted(HEADERS - {"grpc.h"}))
def test_a_header_stands_alone_and_shows_nothing_of_what_is_behind_it(prefix, header, tmp_path):
    source = tmp_path / "one.cpp"
    source.write_text(f"#include <callbook/{header}>\n#include <callbook/{header}>\n")
    reached = run(CXX, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-c",
                  source, "-I", prefix / "include", "-MD", "-MF", "/dev/stdout", "-o", "/dev/null")
    for hidden in ("/boost/", "/fmt/", "/spdlog/", "simdjson", str(ROOT)):
        assert hidden not in reached


def test_the_library_shows_its_interface_alone(libraries):
    shown = run("nm", "-DC", "--defined-only", libraries / "libcallbook.so").splitlines()
    names = [line.split(" ", 2)[2] for line in shown if " A " not in line]
    assert len(names) > 30
    for name in names:
        assert name.startswith("callbook::"), name
        owner = name.split("(")[0]
        assert not owner.startswith(("callbook::sdk::", "callbook::net::", "callbook::base::")), name


def test_a_cmake_project_finds_it(prefix, libraries, node, tmp_path):
    example = prefix / "share/callbook/examples/discover"
    run("cmake", "-S", example, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={CXX}")
    run("cmake", "--build", tmp_path)
    run_discover(tmp_path / "discover", node, libraries)


def test_the_component_for_grpc_is_found_by_both(prefix, libraries, tmp_path):
    """Two calls of it, from the library and from the header; gRPC itself is linked by its user."""
    (tmp_path / "one.cpp").write_text("""
#include <callbook/grpc.h>
int main() {
  callbook::GrpcChannels channels(grpc::InsecureChannelCredentials());
  const grpc::ClientContext context;
  const bool answered =
      callbook::outcome_of_grpc(grpc::Status::OK, context) == callbook::Outcome::kAnswered;
  return answered && channels.size() == 0 ? 0 : 1;
}
""")
    (tmp_path / "CMakeLists.txt").write_text("""
cmake_minimum_required(VERSION 3.16)
project(one LANGUAGES CXX)
find_package(callbook REQUIRED COMPONENTS grpc)
add_executable(one one.cpp)
target_link_libraries(one PRIVATE callbook::grpc grpc++ gpr absl_synchronization)
""")
    loading = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={CXX}")
    run("cmake", "--build", tmp_path / "build")
    run(tmp_path / "build/one", env=loading)
    flags = run("pkg-config", "--cflags", "--libs", "callbook-grpc",
                env={**os.environ, "PKG_CONFIG_PATH": str(libraries / "pkgconfig")}).split()
    run(CXX, tmp_path / "one.cpp", *flags, "-o", tmp_path / "by_flags")
    run(tmp_path / "by_flags", env=loading)


def test_pkg_config_finds_it(prefix, libraries, node, tmp_path):
    example = prefix / "share/callbook/examples/discover"
    flags = run("pkg-config", "--cflags", "--libs", "callbook",
                env={**os.environ, "PKG_CONFIG_PATH": str(libraries / "pkgconfig")}).split()
    run(CXX, example / "discover.cpp", *flags, "-o", tmp_path / "discover")
    run_discover(tmp_path / "discover", node, libraries)
