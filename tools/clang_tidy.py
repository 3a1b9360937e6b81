#!/usr/bin/env python3
"""Runs clang-tidy-16 on the .cpp files of the build, several at once, and only on those that
changed: a file that was found clean is left alone until it, a header of ours that it reaches, its
compile command, .clang-tidy or this script changes.

usage: clang_tidy.py [--jobs N] [--build DIR] [FILE ...]     (all files by default)
"""

import argparse
import hashlib
import json
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-16"
GCC_ONLY = {"-fcoroutines", "-fno-canonical-system-headers"}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def clang_arguments(command):
    """A compile command as clang takes it: without GCC's own flags, and without precompiled headers,
    so that a file must include what it uses."""
    kept, words = [], iter(shlex.split(command))
    for word in words:
        if word.endswith("ccache"):
            continue
        if word == "-include":
            header = next(words)
            if not header.endswith("cmake_pch.hxx"):
                kept += [word, header]
            continue
        if word in GCC_ONLY or word in ("-Werror", "-Winvalid-pch"):
            continue
        kept.append(word)
    return kept + ["-Wno-unknown-warning-option"]


def read_commands(build):
    """{file: clang's arguments} for every file of the project that the build compiles."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = Path(entry["file"])
        ours = path.is_relative_to(ROOT) and not path.is_relative_to(build)
        if ours and path.is_file() and path not in commands:
            commands[path] = clang_arguments(entry["command"])
    return commands


class Headers:
    """Finds the files of ours that a file includes, directly and through others."""

    def __init__(self):
        self._direct = {}

    def reached_from(self, path):
        seen, waiting = set(), [path]
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                waiting += self._included_by(current)
        return sorted(seen)

    def _included_by(self, path):
        if path not in self._direct:
            folders = (ROOT / "src", ROOT / "include", ROOT, path.parent)
            names = INCLUDE.findall(path.read_text(encoding="utf-8"))
            places = [next((f / name for f in folders if (f / name).is_file()), None) for name in names]
            self._direct[path] = [place for place in places if place]
        return self._direct[path]


def fingerprint(path, arguments, headers, common):
    digest = hashlib.sha256(common)
    digest.update("\0".join(arguments).encode())
    for reached in headers.reached_from(path):
        digest.update(f"\0{reached.relative_to(ROOT)}\0".encode())
        digest.update(reached.read_bytes())
    return digest.hexdigest()


def reports_of(output):
    """clang-tidy's output, one string for each fault with its notes, paths as in the tree."""
    output = re.sub(r"\S*/layer-includes/(?:[^/\s]+)/", "src/", output).replace(f"{ROOT}/", "")
    output = output.replace(",-warnings-as-errors]", "]")
    return re.split(r"\n(?=\S+:\d+:\d+: (?:error|warning): )", output.strip())


def tidy(path, database):
    """What clang-tidy says of one file (empty if it is clean), whether it is, and the time taken."""
    started = time.monotonic()
    run = subprocess.run([TIDY, "--quiet", "-p", str(database), str(path)], cwd=ROOT, check=False,
                         capture_output=True, text=True)
    said = run.stdout.strip()
    if run.returncode != 0 and not said:
        said = f"{path}: {TIDY} failed:\n{run.stderr.strip()}"
    return said, run.returncode == 0, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--slowest", type=int, default=0, help="print the times of so many files")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()

    commands = read_commands(options.build.resolve())
    if options.files:
        wanted = {path.resolve() for path in options.files}
        commands = {path: command for path, command in commands.items() if path in wanted}
    if not commands:
        raise SystemExit("clang-tidy: no files to check")

    state = ROOT / "build/lint"
    state.mkdir(parents=True, exist_ok=True)
    database = [{"directory": str(options.build.resolve()), "file": str(path), "arguments": arguments}
                for path, arguments in commands.items()]
    (state / "compile_commands.json").write_text(json.dumps(database), encoding="utf-8")

    version = subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout
    common = version + (ROOT / ".clang-tidy").read_bytes() + Path(__file__).read_bytes()
    headers = Headers()
    due = []
    for path, arguments in sorted(commands.items()):
        stamp = state / (str(path.relative_to(ROOT)).replace("/", "__") + ".clean")
        now = fingerprint(path, arguments, headers, common)
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != now:
            due.append((path, stamp, now))

    started = time.monotonic()
    faulty, times, printed = 0, [], set()
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = pool.map(lambda item: (item, tidy(item[0], state)), due)
        for (path, stamp, now), (said, clean, seconds) in runs:
            times.append((seconds, path.relative_to(ROOT)))
            if clean:
                stamp.write_text(now, encoding="utf-8")
            else:
                faulty += 1
                stamp.unlink(missing_ok=True)
                for report in reports_of(said):
                    if report not in printed:  # a header's, by way of another file
                        print(report, flush=True)
                    printed.add(report)
    for seconds, path in sorted(times, reverse=True)[:options.slowest]:
        print(f"{seconds:6.1f} s  {path}")
    print(f"clang-tidy: {len(due)} of {len(commands)} files checked in "
          f"{time.monotonic() - started:.0f} s, {faulty} with faults")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
