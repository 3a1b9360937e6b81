"""`callbook register` as a process of its own, with a server as the command that it wraps."""

import os
import re
import signal
import subprocess
import sys
import threading

from registry import binary, clean_environment, free_port, until

# Listens, says so, and ends with status 7 when it is asked to.
SERVER = """
import signal, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("serving", flush=True)
while True:
    listener.accept()[0].close()
"""


class Wrapper:
    """A running `callbook register`. `serve=True` wraps a server on its port."""

    def __init__(self, nodes, service, *flags, port=None, serve=True, command=None, env=None,
                 address="127.0.0.1"):
        self.port = free_port() if port is None else port
        nodes = nodes if isinstance(nodes, (list, tuple)) else [nodes]
        words = [binary(), "register", service, "--port", str(self.port), *flags,
                 "--registry", ",".join(f"127.0.0.1:{node.port}" for node in nodes)]
        if address is not None:
            words += ["--address", address]
        if command is None and serve:
            command = [sys.executable, "-c", SERVER, str(self.port)]
        if command:
            words += ["--", *command]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        env=clean_environment(env))
        self.lines = []
        self._readers = [threading.Thread(target=self._read, args=[pipe], daemon=True)
                         for pipe in (self.process.stdout, self.process.stderr)]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe):
        for line in pipe:
            self.lines.append(line.rstrip("\n"))

    @property
    def said(self):
        return "\n".join(self.lines)

    def wait_for(self, pattern, seconds=20):
        """Until it has said a line that matches; returns the match."""
        return until(lambda: next(filter(None, (re.search(pattern, line) for line in
                                                list(self.lines))), None),
                     seconds, f"'{pattern}' in:\n{self.said}\n")

    def alive(self):
        return self.process.poll() is None

    def child(self):
        """The process that it wraps."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as children:
            pids = children.read().split()
        return int(pids[0]) if pids else None

    def send(self, sig):
        os.kill(self.process.pid, sig)

    def end(self, sig=signal.SIGTERM, seconds=20):
        """Signals it and returns its exit code."""
        self.send(sig)
        return self.wait(seconds)

    def wait(self, seconds=20):
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(5)
        return code

    def close(self):
        if self.alive():
            self.end(signal.SIGKILL)
        self.process.stdout.close()
        self.process.stderr.close()
