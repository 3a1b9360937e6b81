"""Network namespaces for tests that cut links. Such a test runs itself again in one of its own."""

import os
import subprocess
import sys

from registry import Node

INSIDE = "CALLBOOK_INSIDE_NAMESPACE"


def run(*command):
    subprocess.run(command, check=True)


def inside():
    return INSIDE in os.environ


def run_again_inside(file):
    """Runs the tests of `file` in a namespace in which this process may do everything."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    ended = subprocess.run(["unshare", "--map-root-user", "--net", "--", *command],
                           env={**os.environ, INSIDE: "1"}, capture_output=True, text=True)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr


class Host:
    """A namespace beside this one: another host, to which links can be made."""

    def __init__(self):
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--", "sh", "-c", "echo made; exec sleep 600"],
            stdout=subprocess.PIPE)
        assert self._holder.stdout.readline() == b"made\n"
        self.pid = str(self._holder.pid)
        self.prefix = ["nsenter", "--net", "--target", self.pid, "--"]
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command):
        run(*self.prefix, *command)

    def address(self, device, address):
        self.run("ip", "address", "add", f"{address}/24", "dev", device)
        self.run("ip", "link", "set", device, "up")

    def close(self):
        self._holder.kill()
        self._holder.wait()


def link(host, here, there, device):
    """Joins this namespace, as `here`, to `host`, as `there`; the device has one name at both."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", device, "type", "veth", "peer", "name", device, "netns", host.pid)
    run("ip", "address", "add", f"{here}/24", "dev", device)
    run("ip", "link", "set", device, "up")
    host.address(device, there)


class OpenNode(Node):
    """Reached from other namespaces too."""

    def command(self):
        command = super().command()
        command[command.index("--http") + 1] = f"0.0.0.0:{self.port}"
        return [*command, "--insecure-bind"]

    def wait_ready(self):
        line = self._first_line()
        assert line.startswith("ready "), line
        self.port = int(line.split("http=")[1].split()[0].rsplit(":", 1)[1])
        return self
