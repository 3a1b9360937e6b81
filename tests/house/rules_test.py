"""check_house.py reports each thing that the house forbids, where it stands, and nothing else."""

import subprocess
import sys
from pathlib import Path

import check_house
import pytest
from tree import HEADER, write


def faults(root):
    return [(fault.path, fault.line, fault.rule) for fault in check_house.check_tree(root)]


BANNED_IN_CORE = [
    "auto now = std::chrono::steady_clock::now();",
    "clock_gettime(CLOCK_REALTIME, &spec);",
    "gettimeofday(&tv, nullptr);",
    "auto now = time(nullptr);",
    "int n = rand();",
    "std::random_device device;",
    "std::mt19937_64 engine(1);",
    "std::thread worker;",
    "std::jthread worker;",
    "std::mutex mutex;",
    "std::shared_mutex mutex;",
    "std::condition_variable_any changed;",
    "const std::lock_guard lock(mutex_);",
    "std::ifstream in;",
    "auto* file = std::fopen(path, mode);",
    "int fd = ::socket(1, 2, 3);",
    "std::unordered_map<int, int> counts;",
    "std::unordered_set<int> seen;",
    "size_t h = std::hash<int>{}(1);",
    "std::map<const Service*, int> by_address;",
]

BANNED_EVERYWHERE = [
    ('std::system("ls");', "banned"),
    ("strcpy(to, from);", "banned"),
    ("std::sprintf(to, from);", "banned"),
    ("int n = atoi(text);", "banned"),
    ("using namespace std;", "banned"),
    ("std::cout << 1;", "banned"),
    ('std::printf("x");', "banned"),
    ("std::this_thread::sleep_for(one_second);", "sleep"),
    ("usleep(10);", "sleep"),
    ("int n = 1;  // TO" + "DO: more", "unfinished"),
    ("int n = 1;  // FIX" + "ME", "unfinished"),
    ("int n = 1;  /* X" + "XX */", "unfinished"),
    ("class SessionManager {};", "name"),
    ("struct ParseHelper {};", "name"),
    ("enum class StringUtil { kOne };", "name"),
    ("using Utils = int;", "name"),
]


@pytest.mark.parametrize("line", BANNED_IN_CORE)
def test_core_and_the_directory_are_pure(tmp_path, line):
    text = f"namespace callbook {{\nvoid f() {{\n  {line}\n}}\n}}\n"
    write(tmp_path, "src/core/a.cpp", text)
    write(tmp_path, "src/sdk/directory_merge.cpp", text)
    assert faults(tmp_path) == [("src/core/a.cpp", 3, "purity"),
                                ("src/sdk/directory_merge.cpp", 3, "purity")]


@pytest.mark.parametrize("line", BANNED_IN_CORE)
def test_other_layers_and_tests_of_core_need_not_be(tmp_path, line):
    text = f"void f() {{\n  {line}\n}}\n"
    write(tmp_path, "src/net/a.cpp", text)
    write(tmp_path, "src/core/a_test.cpp", text)
    assert faults(tmp_path) == []


@pytest.mark.parametrize("header", ["chrono", "mutex", "thread", "fstream", "random", "ctime",
                                    "unistd.h", "sys/socket.h", "netinet/in.h"])
def test_core_includes_nothing_impure(tmp_path, header):
    write(tmp_path, "src/core/a.cpp", f"#include <vector>\n#include <{header}>\n")
    assert faults(tmp_path) == [("src/core/a.cpp", 2, "purity")]


def test_a_hash_table_in_core_that_is_only_looked_up_says_so(tmp_path):
    write(tmp_path, "src/core/a.cpp", "#include <unordered_map>\n"
          "std::unordered_map<int, int> slot_of;  // lookup only\n"
          "std::unordered_map<int,\n    int>\n    slot_of;  // lookup only\n"
          "std::unordered_map<int, int> walked;\nint a;  // lookup only\n")
    assert faults(tmp_path) == [("src/core/a.cpp", 6, "purity")]


@pytest.mark.parametrize("line, rule", BANNED_EVERYWHERE)
def test_banned_everywhere(tmp_path, line, rule):
    write(tmp_path, "src/store/a.cpp", f"\n{line}\n")
    assert faults(tmp_path) == [("src/store/a.cpp", 2, rule)]


def test_sleeping_is_banned_in_tests_too(tmp_path):
    write(tmp_path, "src/net/a_test.cpp", "void f() { usleep(1); }\n")
    write(tmp_path, "tests/a.cpp", "void f() { std::this_thread::sleep_until(later); }\n")
    assert faults(tmp_path) == [("src/net/a_test.cpp", 1, "sleep"), ("tests/a.cpp", 1, "sleep")]


def test_the_command_and_the_ready_line_may_print(tmp_path):
    write(tmp_path, "src/cli/a.cpp", "void f() { std::cout << 1; }\n")
    write(tmp_path, "src/node/a.cpp", "void f() { std::puts(text); }  // the ready line\n")
    write(tmp_path, "src/node/b.cpp", "void f() { std::fprintf(stderr, text); }\n")
    assert faults(tmp_path) == []


def test_words_in_comments_strings_and_longer_names_are_no_calls(tmp_path):
    write(tmp_path, "src/core/a.cpp", '''// std::mutex, system("x"), rand()
/* std::thread */
const char* a = "std::mutex \\" usleep(1)";
const char* b = R"x(std::thread " )" gets(x))x";
const int c = 10'000 + my_rand() + clock.time(0) + is_system(1) + logger.printf(2);
struct Utilization {};
''')
    assert faults(tmp_path) == []


def test_file_names_say_something(tmp_path):
    write(tmp_path, "src/net/string_util.cpp", "")
    write(tmp_path, "src/net/manager.h", "")
    assert faults(tmp_path) == [("src/net/manager.h", 1, "name"),
                                ("src/net/string_util.cpp", 1, "name")]


def test_headers_have_a_guard_and_a_contract(tmp_path):
    write(tmp_path, "src/net/bare.h", "#pragma once\n\nint f();\n")
    write(tmp_path, "include/callbook/bare.h", "#pragma once\n\n// plain\nint f();\n")
    (tmp_path / "src/net/late.h").write_text("#include <string>\n#pragma once\n/// A contract.\n")
    write(tmp_path, "src/net/whole.h", "int f();\n")
    assert faults(tmp_path) == [("include/callbook/bare.h", 1, "header"),
                                ("src/net/bare.h", 1, "header"), ("src/net/late.h", 1, "header")]


def test_boost_stays_out_of_headers(tmp_path):
    include = HEADER + "#include <boost/asio.hpp>\n"
    write(tmp_path, "src/net/a.h", include)
    write(tmp_path, "src/net/a_impl.h", include)
    write(tmp_path, "src/node/a_impl.h", include)
    write(tmp_path, "src/net/a.cpp", "#include <boost/asio.hpp>\n")
    assert faults(tmp_path) == [("src/net/a.h", 4, "header"), ("src/node/a_impl.h", 4, "header")]


def test_only_source_lives_in_src(tmp_path):
    write(tmp_path, "src/base/CMakeLists.txt", "")
    write(tmp_path, "src/archive.whl", "")
    write(tmp_path, "src/base/a.cpp.orig", "")
    assert faults(tmp_path) == [("src/archive.whl", 1, "stray"), ("src/base/a.cpp.orig", 1, "stray")]


def test_the_limit_of_a_file_is_exact(tmp_path):
    write(tmp_path, "src/net/long.cpp", "int a;\n" * 801)
    write(tmp_path, "src/net/full.cpp", "int a;\n" * 800)
    assert faults(tmp_path) == [("src/net/long.cpp", 1, "length")]


def test_brackets_that_cannot_be_followed_are_reported(tmp_path):
    write(tmp_path, "src/net/a.cpp", "void f() {\n")
    assert faults(tmp_path) == [("src/net/a.cpp", 1, "length")]


def test_a_waiver_excuses_one_rule_in_one_file(tmp_path):
    for name in ("a", "b"):
        write(tmp_path, f"src/net/{name}.cpp", "void f() { usleep(1); strcpy(a, b); }\n")
    write(tmp_path, "tools/waivers.txt", "# why\nsleep src/net/a.cpp the kernel has no event here\n")
    assert faults(tmp_path) == [("src/net/a.cpp", 1, "banned"), ("src/net/b.cpp", 1, "banned"),
                                ("src/net/b.cpp", 1, "sleep")]


def test_a_waiver_that_excuses_nothing_is_reported(tmp_path):
    write(tmp_path, "src/net/a.cpp", "int a;\n")
    write(tmp_path, "tools/waivers.txt", "# why\nsleep src/net/a.cpp it is over now\n")
    assert faults(tmp_path) == [("tools/waivers.txt", 2, "waiver")]


def test_a_waiver_needs_a_reason(tmp_path):
    write(tmp_path, "src/net/a.cpp", "void f() { usleep(1); }\n")
    write(tmp_path, "tools/waivers.txt", "sleep src/net/a.cpp\n")
    with pytest.raises(SystemExit):
        faults(tmp_path)


def run(root):
    script = Path(check_house.__file__)
    return subprocess.run([sys.executable, str(script), str(root)], capture_output=True, text=True,
                          check=False)


def test_the_command_fails_and_says_where(tmp_path):
    write(tmp_path, "src/net/a.cpp", "\nvoid f() { usleep(1); }\n")
    result = run(tmp_path)
    assert result.returncode == 1
    assert result.stdout.startswith("src/net/a.cpp:2: sleep: `usleep` ")


def test_the_command_succeeds_on_a_clean_tree_and_not_on_an_empty_one(tmp_path):
    assert run(tmp_path).returncode != 0
    write(tmp_path, "src/net/a.cpp", "int a;\n")
    result = run(tmp_path)
    assert (result.returncode, result.stdout) == (0, "")
