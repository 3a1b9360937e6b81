#!/usr/bin/env python3
"""The rules of the house that neither compiler nor clang-tidy knows: lengths, names, banned calls,
headers. Prints `file:line: rule: what`, and fails if there is any. Exceptions that are granted stand
in tools/waivers.txt with their reason.

usage: check_house.py [ROOT]
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from cpp_source import SKIPPED_FOLDERS, Source, cpp_files, functions

MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 800
VAGUE_WORDS = {"manager", "helper", "util", "utility", "managers", "helpers", "utils", "utilities"}
SOURCE_SUFFIXES = {".h", ".cpp", ".md", ".txt", ".proto", ".in"}


@dataclass(frozen=True, order=True)
class Fault:
    path: str
    line: int
    rule: str
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


@dataclass(frozen=True)
class Ban:
    """Code that may not stand where `applies` says. A comment of the same statement that matches
    `excused_by` excuses it."""

    rule: str
    pattern: str
    what: str
    applies: object = lambda path: True
    excused_by: str = ""


def is_test(path):
    return path.startswith(("tests/", "fuzz/", "bench/")) or path.endswith("_test.cpp") or bool(
        re.search(r"(?:^|[/_])(?:test|testing|fake)_[^/]*$", path))


# State machines: outputs depend on inputs alone. Of the sdk those parts that build without net.
PURE = ("src/core/", "src/sdk/directory", "src/sdk/instance", "src/sdk/list_",
        "src/sdk/registration_plan", "src/sdk/sse_reader", "src/sdk/backoff", "src/sdk/selection",
        "src/sdk/member", "src/sdk/key_choice", "src/sdk/hash_ring", "src/sdk/alias_table",
        "src/sdk/turn_order", "src/sdk/split_mix")


def is_pure(path):
    """Tests of a state machine may do as they like."""
    return path.startswith(PURE) and not is_test(path)


def in_src(path):
    return path.startswith("src/")


def prints(path):
    """Where standard output is somebody's. Elsewhere logs go through base::Logger."""
    return in_src(path) and not path.startswith("src/cli/") and not is_test(path)


BANS = [
    Ban("purity", r"\b(?:system|steady|high_resolution|utc|tai|gps|file)_clock\b"
        r"|\b(?:clock_gettime|gettimeofday|timespec_get|localtime|localtime_r|gmtime)\b"
        r"|(?<![\w.>:])(?:std::|::)?time\s*\(\s*(?:nullptr|NULL|0|&)",
        "reads a clock; take base::Now as an input", is_pure),
    Ban("purity", r"\b(?:rand|srand|random|drand48|getrandom|arc4random)\s*\(|\brandom_device\b"
        r"|\b(?:mt19937|mt19937_64|minstd_rand0?|default_random_engine|ranlux\w+)\b",
        "is random; take a seed or the random number as an input", is_pure),
    Ban("purity", r"\bstd::(?:j?thread|(?:recursive_|shared_|timed_)*mutex|condition_variable\w*"
        r"|async|future|promise|call_once|this_thread|lock_guard|scoped_lock|unique_lock)\b"
        r"|\bpthread_\w+", "is about threads; one thread owns this state", is_pure),
    Ban("purity", r"\bstd::(?:[io]?fstream|filesystem|[io]stream|cout|cerr|clog)\b"
        r"|(?<![\w.>])(?:std::|::)?(?:fopen|fread|fwrite|getenv)\s*\(|(?<![\w:.>])::\s*(?:open|read"
        r"|write|socket|connect|bind|listen|accept|send|recv|sendto|recvfrom|poll)\s*\(",
        "touches the world outside; only inputs and outputs do", is_pure),
    Ban("purity", r"\bstd::unordered_\w+", "has an order that depends on hashing; "
        "if it is never iterated, say so with `// lookup only`", is_pure, r"//.*\blookup only\b"),
    Ban("purity", r"\bstd::hash\b", "differs between libraries; use base::xxh64", is_pure),
    Ban("purity", r"\bstd::(?:multi)?(?:map|set)<\s*(?:const\s+)?[\w:]+(?:\s+const)?\s*\*",
        "is ordered by address; order by a value", is_pure),
    Ban("banned", r"(?:\bstd::|(?<![\w.>:])(?:::)?)system\s*\(", "runs a shell"),
    Ban("banned", r"(?<![\w.>])(?:std::|::)?(?:strcpy|strcat|sprintf|vsprintf|gets)\s*\(",
        "writes past its buffer; use std::string or fmt"),
    Ban("banned", r"(?<![\w.>])(?:std::|::)?(?:atoi|atol|atoll|atof)\s*\(",
        "hides bad input; use std::from_chars"),
    Ban("banned", r"\busing\s+namespace\s+std\b", "floods the namespace"),
    Ban("banned", r"\bstd::(?:cout|cin)\b|(?<![\w.>])(?:std::|::)?(?:printf|puts|putchar)\s*\("
        r"|\bfmt::print\s*\(\s*(?!stderr\b)", "standard output is the command's alone; a line that "
        "a program waits for says `// ready line`", prints, r"//.*\bready line\b"),
    Ban("sleep", r"\bsleep_(?:for|until)\b|(?<![\w.>])(?:::)?(?:usleep|nanosleep|sleep)\s*\(",
        "hides a race; wait for the event, or take the time as an input"),
]

# What has no place in a pure file even unused.
IMPURE_HEADERS = re.compile(
    r"^(?:chrono|condition_variable|ctime|filesystem|fstream|future|iostream|mutex|random|"
    r"semaphore|shared_mutex|stop_token|thread|time\.h|unistd\.h|fcntl\.h|poll\.h|"
    r"(?:sys|netinet|arpa|net|linux)/.*)$")

TYPE_NAME = re.compile(r"\b(?:class|struct|union|enum(?:\s+class|\s+struct)?|concept)\s+"
                       r"(?:\[\[[^\]]*\]\]\s*)?(?:\w+::)*([A-Za-z_]\w*)|\busing\s+(\w+)\s*=")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def words_of(name):
    """"ConnectionManager2" and "connection_manager2" both hold "manager"."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def check_lengths(source):
    lines = source.text.count("\n")
    if lines > MAX_FILE_LINES:
        yield 1, "length", f"the file has {lines} lines; the limit is {MAX_FILE_LINES}"
    found, balanced = functions(source)
    if not balanced:
        yield 1, "length", "the brackets do not balance, so functions cannot be measured"
    for function in found:
        if function.lines > MAX_FUNCTION_LINES:
            yield (function.first_line, "length", f"{function.name} has {function.lines} lines; "
                   f"the limit is {MAX_FUNCTION_LINES}")


def comment_of_statement(source, number):
    """The comments from this line to the end of the statement, which the layout may have broken."""
    said = []
    for code, comment in list(zip(source.code_lines(), source.comment_lines()))[number - 1:number + 3]:
        said.append(comment)
        if code.rstrip().endswith((";", "{", "}")):
            break
    return " ".join(said)


def check_bans(source):
    bans = [ban for ban in BANS if ban.applies(source.path)]
    for number, code in enumerate(source.code_lines(), 1):
        if code.lstrip().startswith("#"):
            continue
        for ban in bans:
            match = re.search(ban.pattern, code)
            if not match:
                continue
            if ban.excused_by and re.search(ban.excused_by, comment_of_statement(source, number)):
                continue
            yield number, ban.rule, f"`{match.group().strip(' (')}` {ban.what}"


def check_unfinished(source):
    for number, line in enumerate(source.text.split("\n"), 1):
        match = UNFINISHED.search(line)
        if match:
            yield number, "unfinished", f"{match.group()}: finish it, or write it down elsewhere"


def check_names(source):
    stem = Path(source.path).stem
    if words_of(stem) & VAGUE_WORDS:
        yield 1, "name", f"`{stem}` says nothing; name the thing after what it is"
    for number, code in enumerate(source.code_lines(), 1):
        for match in TYPE_NAME.finditer(code):
            name = match[1] or match[2]
            if words_of(name) & VAGUE_WORDS:
                yield number, "name", f"`{name}` says nothing; name the thing after what it is"


def check_header(source):
    if not source.path.endswith(".h"):
        return
    first = next((line for line in source.code_lines() if line.strip()), "")
    if first.strip() != "#pragma once":
        yield 1, "header", "must begin with #pragma once"
    inner = source.path.endswith("_impl.h")
    if source.path.startswith(("src/", "include/")) and not inner and "///" not in source.comments:
        yield 1, "header", "states no contract; say with /// what a caller may rely on"
    for include in source.includes:
        boost = include.name.startswith("boost/") and source.path.startswith(("src/", "include/"))
        if boost and not (inner and source.path.startswith("src/net/")):
            yield (include.line, "header", "Boost costs every includer seconds; it belongs in .cpp "
                   "files, or in src/net/*_impl.h")


def check_pure_includes(source):
    if not is_pure(source.path):
        return
    for include in source.includes:
        if IMPURE_HEADERS.match(include.name):
            yield include.line, "purity", f"<{include.name}> has no place in a state machine"


def check_stray_files(root):
    """Anything under src/ and include/ that is neither code nor its description."""
    for folder in ("src", "include"):
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_dir() or any(p.startswith(".") or p in SKIPPED_FOLDERS for p in parts):
                continue
            if path.suffix == ".bug" and path.parent.name == "planted":
                continue  # a patch that the simulator is to notice (tools/planted)
            if path.suffix not in SOURCE_SUFFIXES:
                yield Fault(path.relative_to(root).as_posix(), 1, "stray", "is no source file")


CHECKS = [check_lengths, check_bans, check_unfinished, check_names, check_header,
          check_pure_includes]


def check_source(source):
    for check in CHECKS:
        for line, rule, what in check(source):
            yield Fault(source.path, line, rule, what)


def read_waivers(path):
    """{(rule, file): line of the waiver} from lines `rule file reason`."""
    waivers = {}
    if not path.exists():
        return waivers
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split("#", 1)[0].split(None, 2)
        if not words:
            continue
        if len(words) < 3:
            raise SystemExit(f"{path}:{number}: a waiver is: rule, file, reason")
        waivers[words[0], words[1]] = number
    return waivers


def check_tree(root):
    faults = list(check_stray_files(root))
    for path in cpp_files(root):
        faults.extend(check_source(Source.read(root, path)))

    waivers = read_waivers(root / "tools/waivers.txt")
    used = {(fault.rule, fault.path) for fault in faults} & set(waivers)
    faults = [fault for fault in faults if (fault.rule, fault.path) not in used]
    for waiver in set(waivers) - used:
        faults.append(Fault("tools/waivers.txt", waivers[waiver], "waiver",
                            f"nothing to waive: {' '.join(waiver)}"))
    return sorted(faults)


def main(arguments):
    root = Path(arguments[0] if arguments else Path(__file__).parent.parent).resolve()
    if not any((root / folder).is_dir() for folder in ("src", "include")):
        raise SystemExit(f"{root}: no src/ here")
    faults = check_tree(root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
