"""Nodes of two releases in one cluster."""

import subprocess
from pathlib import Path

from cluster import Cluster
from registry import clean_environment

# Fast enough for many faults, with the order of the defaults; flags that both releases take.
TIMING = ("--refused-removal-ms", "1000", "--silent-removal-ms", "15000", "--lost-after-ms", "3000",
          "--takeover-grace-ms", "3000")


class Programs:
    """The folder that holds what one release has built."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.callbook = self.folder / "callbook"
        assert self.callbook.exists(), f"{self.callbook} is missing"

    def path(self, name):
        """A program that may not have been built: it needs gRPC."""
        return self.folder / name if (self.folder / name).exists() else None

    def run(self, *arguments, registries, code=0, seconds=60):
        """One call of the command against these registries; what it printed."""
        done = subprocess.run(
            [str(self.callbook), *arguments, "--registry", registries], capture_output=True,
            text=True, check=False, timeout=seconds, env=clean_environment())
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout


class MixedCluster(Cluster):
    """Three nodes over one bus server, each of the release whose programs it is given."""

    def __init__(self, folder, programs, flags=TIMING):
        super().__init__(folder, nodes=len(programs), flags=flags)
        for node, one in zip(self.nodes, programs):
            node.program = str(one.callbook)

    @property
    def registries(self):
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    @staticmethod
    def change_release(node, programs, kill=False):
        """Ends the node, and starts the other release over the same data directory."""
        if kill:
            node.kill()
        else:
            assert node.stop() == 0
        node.program = str(programs.callbook)
        node.start()
