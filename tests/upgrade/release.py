#!/usr/bin/env python3
"""Builds the release that release.txt names, once, from git, in build/upgrade, and prints the folder
of its programs. With CALLBOOK_OLD_BIN set it prints that, and builds nothing.

usage: release.py [JOBS]
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = ("callbook", "orders_server", "orders_caller")


def named():
    """The tag and the commit of the release."""
    for line in (HERE / "release.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            tag, commit = line.split()
            return tag, commit
    raise SystemExit("release.txt names no release")


def git(*arguments):
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True,
                          check=False)


def found_commit():
    """The release's commit, if this clone has it."""
    tag, commit = named()
    tagged = git("rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}")
    if tagged.returncode == 0 and tagged.stdout.strip() != commit:
        raise SystemExit(f"the tag {tag} names {tagged.stdout.strip()}, and release.txt {commit}")
    if git("cat-file", "-e", f"{commit}^{{commit}}").returncode != 0:
        raise SystemExit(f"this clone has neither {tag} nor {commit}: fetch the whole history "
                         "(git fetch --tags --unshallow), or set CALLBOOK_OLD_BIN to a folder that "
                         "holds the release's programs")
    return tag, commit


def run(*command):
    # On standard error: standard output is for the folder alone.
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)


def build(jobs):
    tag, commit = found_commit()
    folder = ROOT / "build/upgrade" / tag
    done = folder / "commit"
    programs = folder / "build/bin"
    if done.exists() and done.read_text(encoding="utf-8") == commit:
        return programs
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    archive = subprocess.Popen(["git", "-C", str(ROOT), "archive", commit], stdout=subprocess.PIPE)
    run_tar = subprocess.run(["tar", "-x", "-C", str(source)], stdin=archive.stdout, check=False)
    if archive.wait() != 0 or run_tar.returncode != 0:
        raise SystemExit(f"git archive of {commit} failed")
    run("cmake", "-S", source, "-B", folder / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
        "-DCALLBOOK_TESTS=OFF", "-DCALLBOOK_BENCH=OFF")
    targets = subprocess.run(["ninja", "-C", str(folder / "build"), "-t", "targets", "all"],
                             capture_output=True, text=True, check=True).stdout
    known = [one for one in PROGRAMS if f"{one}: " in targets]  # without gRPC there is only one
    run("cmake", "--build", folder / "build", "-j", str(jobs), "--target", *known)
    done.write_text(commit, encoding="utf-8")
    return programs


def main():
    given = os.environ.get("CALLBOOK_OLD_BIN")
    print(given or build(sys.argv[1] if len(sys.argv) > 1 else os.cpu_count()))


if __name__ == "__main__":
    main()
