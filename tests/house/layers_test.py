"""check_layers.py reports each include and each link that tools/layers.txt does not allow."""

import subprocess
import sys
from pathlib import Path

import check_layers
import pytest
from tree import write

TABLE = (Path(check_layers.__file__).parent / "layers.txt").read_text(encoding="utf-8")
HEADERS = ["base/a.h", "core/a.h", "store/a.h", "bus/a.h", "bus/nats/a.h", "net/a.h",
           "net/http_server.h", "dialects/native/a.h", "dialects/dns/a.h", "node/a.h", "sdk/a.h",
           "cli/a.h", "sim/a.h"]


def faults(root):
    return [(path, line, what) for path, line, what in
            check_layers.check_tree(root, check_layers.Table(TABLE))]


def include(root, path, header):
    """What is said of one file that includes one header (all layers exist)."""
    for own in HEADERS:
        write(root, f"src/{own}", "int f();\n")
    write(root, path, f"#include <vector>\n\n#include {header}\n")
    return faults(root)


FORBIDDEN = [
    ("src/base/x.cpp", '"core/a.h"', "base may not include core"),
    ("src/core/x.cpp", '"store/a.h"', "core may not include store"),
    ("src/core/x.cpp", '"net/a.h"', "core may not include net"),
    ("src/core/x.cpp", '"dialects/native/a.h"', "core may not include dialects/native"),
    ("src/core/x.cpp", "<core_dumper/a.h>", "core may not include core_dumper"),
    ("src/store/x.cpp", '"core/a.h"', "store may not include core"),
    ("src/bus/x.cpp", '"core/a.h"', "bus may not include core"),
    ("src/net/x.cpp", '"core/a.h"', "net may not include core"),
    ("src/net/x.cpp", '"node/a.h"', "net may not include node"),
    ("src/dialects/native/x.cpp", '"dialects/dns/a.h"', "dialects/native may not include dialects/dns"),
    ("src/dialects/native/x.cpp", '"store/a.h"', "dialects/native may not include store"),
    ("src/dialects/native/x.cpp", '"node/a.h"', "dialects/native may not include node"),
    ("src/node/x.cpp", '"sdk/a.h"', "node may not include sdk"),
    ("src/node/x.cpp", '"cli/a.h"', "node may not include cli"),
    ("src/sdk/x.cpp", '"core/a.h"', "sdk may not include core"),
    ("src/sdk/x.cpp", '"net/http_server.h"', "src/sdk/x.cpp may not include net/http_server.h"),
    ("src/sdk/directory.cpp", '"net/a.h"', "src/sdk/directory.cpp may not include net/a.h"),
    ("include/callbook/x.h", '"core/a.h"', "sdk may not include core"),
    ("src/cli/watch.cpp", '"node/a.h"', "cli may not include node"),
    ("src/cli/server.cpp", '"store/a.h"', "cli may not include store"),
    ("src/sim/x.cpp", '"net/a.h"', "sim may not include net"),
    ("src/core/x_test.cpp", '"net/a.h"', "core may not include net"),
    ("src/core/x.cpp", "<net/a.h>", "core may not include net"),
    ("src/core/x.cpp", "<boost/asio.hpp>", "core may not include boost"),
    ("src/core/x.cpp", "<simdjson.h>", "core may not include simdjson"),
    ("src/core/x.cpp", "<unistd.h>", "core may not include posix"),
    ("src/core/x.cpp", "<sys/socket.h>", "core may not include posix"),
    ("src/core/x.cpp", "<nmmintrin.h>", "core may not include intrinsics"),
    ("src/core/x.cpp", "<gtest/gtest.h>", "core may not include gtest"),
    ("src/core/x.cpp", "<spdlog/spdlog.h>", "core may not include spdlog"),
    ("src/base/x.cpp", "<simdjson.h>", "base may not include simdjson"),
    ("src/net/x.cpp", "<simdjson.h>", "net may not include simdjson"),
    ("src/dialects/native/x.cpp", "<boost/beast.hpp>", "dialects/native may not include boost"),
    ("src/node/x.cpp", "<CLI/CLI.hpp>", "node may not include CLI"),
    ("src/sdk/x.cpp", "<toml++/toml.h>", "sdk may not include toml++"),
    ("src/sdk/x.cpp", '"a.h"', 'write the path from src/: "sdk/a.h"'),
    ("src/else/x.cpp", "<vector>", "stands in no layer"),
]


@pytest.mark.parametrize("path, header, what", FORBIDDEN)
def test_forbidden_includes(tmp_path, path, header, what):
    found = include(tmp_path, path, header)
    assert [(fault[0], fault[2][:len(what)]) for fault in found] == [(path, what)]


def test_the_line_is_told(tmp_path):
    assert include(tmp_path, "src/core/x.cpp", '"net/a.h"')[0][1] == 3


@pytest.mark.parametrize("path, header", [
    ("src/base/x.cpp", "<nmmintrin.h>"),
    ("src/base/x.cpp", "<fmt/format.h>"),
    ("src/core/x.cpp", '"base/a.h"'),
    ("src/core/x.cpp", '"core/a.h"'),
    ("src/core/x_test.cpp", "<gtest/gtest.h>"),
    ("src/store/x.cpp", "<sys/file.h>"),
    ("src/net/x.cpp", "<boost/asio.hpp>"),
    ("src/bus/nats/x.cpp", "<nats/nats.h>"),
    ("src/bus/nats/x.cpp", '"bus/a.h"'),
    ("src/dialects/native/x.cpp", '"core/a.h"'),
    ("src/dialects/native/x.cpp", '"dialects/native/a.h"'),
    ("src/dialects/native/x.cpp", "<simdjson.h>"),
    ("src/node/x.cpp", '"dialects/dns/a.h"'),
    ("src/node/x.cpp", '"bus/nats/a.h"'),
    ("src/sdk/x.cpp", '"callbook/client.h"'),
    ("src/cli/x.cpp", '"callbook/client.h"'),
    ("src/cli/server.cpp", '"node/a.h"'),
    ("src/cli/server_options.cpp", '"node/a.h"'),
    ("src/cli/x.cpp", "<CLI/CLI.hpp>"),
    ("tests/x.cpp", '"node/a.h"'),
    ("src/core/x.cpp", '"base/a.h"  // not "net/a.h"'),
])
def test_allowed_includes(tmp_path, path, header):
    assert include(tmp_path, path, header) == []


def test_an_include_in_a_comment_is_none(tmp_path):
    write(tmp_path, "src/core/x.cpp", '// #include "net/a.h"\n/*\n#include "net/a.h"\n*/\n')
    assert faults(tmp_path) == []


def cmake(root, **folders):
    for folder, text in folders.items():
        write(root, f"src/{folder.replace('__', '/')}/CMakeLists.txt", text)
    return faults(root)


CORE = "callbook_layer(NAME core DIR core\n  SOURCES a.cpp\n  USES base)\n"
NET = "callbook_layer(NAME net DIR net SOURCES a.cpp USES base PRIVATE_LIBS OpenSSL::SSL)\n"


def test_allowed_links(tmp_path):
    native = "callbook_layer(NAME native DIR dialects/native SOURCES a.cpp USES base core net)\n"
    node = "callbook_layer(NAME node DIR node SOURCES a.cpp USES base core net native)\n"
    cli = "callbook_layer(NAME cli DIR cli SOURCES a.cpp USES base net node)\n" \
          "add_executable(callbook main.cpp)\ntarget_link_libraries(callbook PRIVATE callbook_cli)\n"
    assert cmake(tmp_path, core=CORE, net=NET, dialects__native=native, node=node, cli=cli) == []


@pytest.mark.parametrize("text, what", [
    ("callbook_layer(NAME core DIR core SOURCES a.cpp USES base net)", "core may not use net"),
    ("callbook_layer(NAME core DIR core SOURCES a.cpp USES base native)", "core may not use dialects/native"),
    ("callbook_layer(NAME core DIR core USES base LIBS callbook_net)", "names a layer in LIBS"),
    ("callbook_layer(NAME core DIR core USES base PRIVATE_LIBS callbook_net)", "names a layer in LIBS"),
    ("set(more)\nif(x)\nset(more net)\nendif()\n"
     "callbook_layer(NAME core DIR core USES base ${more})", "core may not use net"),
    (CORE + "target_link_libraries(callbook_core PRIVATE callbook_net)", "core may not use net"),
    ("callbook_layer(NAME core DIR core USES base other)", "core uses other, which is no layer"),
    ("callbook_layer(NAME core DIR strange USES base)", "strange is no layer"),
])
def test_forbidden_links(tmp_path, text, what):
    native = "callbook_layer(NAME native DIR dialects/native SOURCES a.cpp USES base core net)\n"
    found = cmake(tmp_path, core=text, net=NET, dialects__native=native)
    assert [fault[2][:len(what)] for fault in found if "core/" in fault[0]] == [what]


def test_a_sibling_dialect_is_not_linked(tmp_path):
    dns = "callbook_layer(NAME dns DIR dialects/dns SOURCES a.cpp USES base core net)\n"
    native = "callbook_layer(NAME native DIR dialects/native SOURCES a.cpp USES base dns)\n"
    found = cmake(tmp_path, dialects__dns=dns, dialects__native=native)
    assert [fault[2] for fault in found] == ["dialects/native may not use dialects/dns"]


def test_what_is_in_a_comment_is_not_linked(tmp_path):
    assert cmake(tmp_path, core="# callbook_layer(NAME x DIR core USES net)\n" + CORE) == []


def test_a_broken_table_is_refused():
    with pytest.raises(check_layers.TableError):
        check_layers.Table("layer core base\n")


def test_the_command_fails_and_says_where(tmp_path):
    write(tmp_path, "src/core/x.cpp", "#include <boost/asio.hpp>\n")
    result = subprocess.run([sys.executable, check_layers.__file__, str(tmp_path)],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == \
        "src/core/x.cpp:1: layers: core may not include boost (boost/asio.hpp)\n"
