#!/usr/bin/env python3
"""Holds src/ against tools/layers.txt: every #include, and every layer that a CMakeLists.txt links.
Prints `file:line: layers: what`, and fails if there is any.

usage: check_layers.py [ROOT [TABLE]]
"""

import re
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from cpp_source import Source, cpp_files

POSIX = re.compile(r"^(?:(?:sys|netinet|arpa|net|linux)/.*|(?:unistd|fcntl|poll|netdb|pthread|signal|"
                   r"dirent|time|errno|pwd|termios|getopt|dlfcn|sched)\.h)$")
INTRINSICS = re.compile(r"^(?:[a-z]mmintrin|immintrin|x86intrin|cpuid|arm_\w+)\.h$")
TEST_HEADERS = {"gtest", "gmock"}
PUBLIC_HEADERS = "callbook"  # include/callbook/ belongs to sdk


class TableError(Exception):
    pass


def matches(name, pattern):
    """Like a shell: `*` stops at '/'."""
    ours, theirs = name.split("/"), pattern.split("/")
    return len(ours) == len(theirs) and all(map(fnmatchcase, ours, theirs))


@dataclass
class Rule:
    pattern: str
    layers: list = field(default_factory=list)
    outside: list = field(default_factory=list)


class Table:
    def __init__(self, text):
        self.layers, self.also, self.never = [], [], []
        kinds = {"layer": self.layers, "also": self.also, "never": self.never}
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#", 1)[0].strip()
            if not line:
                continue
            parsed = re.fullmatch(r"(layer|also|never)\s+([^\s:]+)\s*:([^|]*)(?:\|(.*))?", line)
            if not parsed:
                raise TableError(f"line {number}: not understood: {line}")
            kind, pattern, names, outside = parsed.groups()
            kinds[kind].append(Rule(pattern, names.split(), (outside or "").split()))

    def layer_of_folder(self, folder):
        """The layer that holds `folder` (below src/), the innermost first, or None."""
        parts = PurePosixPath(folder).parts
        for length in range(len(parts), 0, -1):
            name = "/".join(parts[:length])
            if any(matches(name, rule.pattern) for rule in self.layers):
                return name
        return None

    def rules_of(self, layer, path=None):
        found = [rule for rule in self.layers if matches(layer, rule.pattern)][:1]
        if path:
            found += [rule for rule in self.also if fnmatchcase(path, rule.pattern)]
        return found

    def may_use(self, layer, other, path=None):
        return layer == other or any(matches(other, allowed)
                                     for rule in self.rules_of(layer, path) for allowed in rule.layers)

    def may_link(self, layer, other):
        """What one file of a layer may include, the layer's library must link."""
        ours = [rule for rule in self.also if rule.pattern.startswith(f"src/{layer}/")]
        return self.may_use(layer, other) or any(matches(other, name)
                                                 for rule in ours for name in rule.layers)

    def may_reach_outside(self, layer, package, path):
        return any(package in rule.outside for rule in self.rules_of(layer, path))

    def is_forbidden(self, path, header):
        return any(fnmatchcase(path, rule.pattern) and fnmatchcase(header, name)
                   for rule in self.never for name in rule.layers)


def package_of(header):
    """Who provides a header: "std", "posix", "intrinsics" or a package's name."""
    if INTRINSICS.match(header):
        return "intrinsics"
    if POSIX.match(header):
        return "posix"
    first = PurePosixPath(header).parts[0]
    if first == header and "." not in header:
        return "std"
    return first.split(".")[0] if first == header else first


def layer_of_file(table, path):
    if path.startswith(f"include/{PUBLIC_HEADERS}/"):
        return "sdk"
    return table.layer_of_folder(str(PurePosixPath(path).parent.relative_to("src")))


def check_include(table, root, source, layer, include):
    name = include.name
    if table.is_forbidden(source.path, name):
        return f"{source.path} may not include {name}"
    beside = (root / source.path).parent / name
    if name.startswith(PUBLIC_HEADERS + "/"):
        other = "sdk"
    elif include.own and beside.is_file() and "/" not in name:
        return f'write the path from src/: "{layer}/{name}"'
    else:
        other = table.layer_of_folder(str(PurePosixPath(name).parent))
    if other and (include.own or (root / "src" / name).is_file()):
        if table.may_use(layer, other, source.path):
            return None
        return f"{layer} may not include {other} ({name})"

    package = package_of(name)
    is_test = source.path.endswith("_test.cpp") or "/test_" in source.path
    if package == "std":
        return None
    if is_test and (package in TEST_HEADERS or package == "posix"):
        return None
    if table.may_reach_outside(layer, package, source.path):
        return None
    return f"{layer} may not include {package} ({name})"


def check_includes(table, root):
    for path in cpp_files(root):
        relative = path.relative_to(root).as_posix()
        if not relative.startswith(("src/", f"include/{PUBLIC_HEADERS}/")):
            continue
        layer = layer_of_file(table, relative)
        if layer is None:
            yield relative, 1, "stands in no layer; tools/layers.txt lists them"
            continue
        source = Source.read(root, path)
        for include in source.includes:
            fault = check_include(table, root, source, layer, include)
            if fault:
                yield relative, include.line, fault


CALL = re.compile(r"\b(callbook_layer|target_link_libraries|set)\s*\(([^()]*)\)", re.DOTALL)
KEYWORDS = {"NAME", "DIR", "SOURCES", "TESTS", "USES", "LIBS", "PRIVATE_LIBS"}


def arguments_of(words):
    """{keyword: values} of a callbook_layer() call."""
    found, key = {}, None
    for word in words:
        if word in KEYWORDS:
            key = word
            found[key] = []
        elif key:
            found[key].append(word)
    return found


def cmake_calls(root):
    """(file, line, command, words) for every call of interest below src/. A variable counts as all
    that its file ever sets it to."""
    for path in sorted((root / "src").rglob("CMakeLists.txt")):
        text = re.sub(r"#[^\n]*", lambda comment: " " * len(comment.group()),
                      path.read_text(encoding="utf-8"))
        variables = {}
        for call in CALL.finditer(text):
            words = []
            for word in call[2].split():
                variable = re.fullmatch(r"\$\{(\w+)\}", word)
                words += variables.get(variable[1], []) if variable else [word]
            if call[1] == "set":
                variables.setdefault(words[0], []).extend(words[1:])
                continue
            line = text.count("\n", 0, call.start()) + 1
            yield path.relative_to(root).as_posix(), line, call[1], words


def check_links(table, root):
    calls = list(cmake_calls(root))
    folders = {}  # of each layer's library, by name
    for _, _, command, words in calls:
        if command == "callbook_layer":
            arguments = arguments_of(words)
            folders[arguments["NAME"][0]] = arguments["DIR"][0]

    for path, line, command, words in calls:
        if command == "callbook_layer":
            arguments = arguments_of(words)
            user, used = arguments["NAME"][0], arguments.get("USES", [])
            hidden = arguments.get("LIBS", []) + arguments.get("PRIVATE_LIBS", [])
            if any(library.startswith("callbook_") for library in hidden):
                yield path, line, "names a layer in LIBS; layers are named in USES"
        else:
            user, used = words[0].removeprefix("callbook_"), [
                word.removeprefix("callbook_") for word in words[1:] if word.startswith("callbook_")]
            if user not in folders:
                continue  # a program, which is no layer
        layer = table.layer_of_folder(folders[user])
        if layer is None:
            yield path, line, f"{folders[user]} is no layer; tools/layers.txt lists them"
            continue
        for name in used:
            other = table.layer_of_folder(folders.get(name, name))
            if other is None:
                yield path, line, f"{user} uses {name}, which is no layer"
            elif not table.may_link(layer, other):
                yield path, line, f"{layer} may not use {other}"


def check_tree(root, table):
    return sorted(set(check_includes(table, root)) | set(check_links(table, root)))


def main(arguments):
    here = Path(__file__).parent
    root = Path(arguments[0] if arguments else here.parent).resolve()
    table = Path(arguments[1]) if len(arguments) > 1 else here / "layers.txt"
    if not (root / "src").is_dir():
        raise SystemExit(f"{root}: no src/ here")
    try:
        faults = check_tree(root, Table(table.read_text(encoding="utf-8")))
    except TableError as error:
        raise SystemExit(f"{table}: {error}") from None
    for path, line, what in faults:
        print(f"{path}:{line}: layers: {what}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
