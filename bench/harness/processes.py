"""Starting, measuring and ending the processes of a run. Each is ended by its own pid."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path


class BenchFailure(Exception):
    """A scenario that cannot give a number. The bench goes on with the next, and fails."""


def await_line(process, wanted, timeout_s):
    """Reads lines of the process's standard output until one starts with `wanted`."""
    deadline = time.monotonic() + timeout_s
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise BenchFailure(f"no `{wanted}` line from {process.args[0]} within {timeout_s} s")
        line = process.stdout.readline()
        if not line:
            raise BenchFailure(f"{' '.join(process.args)} ended before its `{wanted}` line")
        if line.startswith(wanted):
            return line.strip()


class Server:
    """A callbook server with its own data directory, which outlives kill() but not close()."""

    def __init__(self, binary, folder, flags=(), name="bench"):
        self.binary = binary
        self.name = name
        self.flags = flags
        self.folder = Path(tempfile.mkdtemp(dir=folder, prefix="server-"))
        self.log = open(self.folder / "log", "wb")
        self.process = None
        self.port = 0

    def start(self, timeout_s=60):
        """Serves when this returns; on the same port as before after a kill()."""
        self.process = subprocess.Popen(
            [str(self.binary), "server", "--node", self.name, "--data", str(self.folder / "data"),
             "--http", f"127.0.0.1:{self.port}", *self.flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True, bufsize=1)
        try:
            line = await_line(self.process, "ready ", timeout_s)
        except BenchFailure as failure:
            raise BenchFailure(f"{failure}; its log ends:\n{self.log_tail()}") from None
        fields = dict(word.split("=", 1) for word in line.split()[1:])
        self.port = int(fields["http"].rsplit(":", 1)[1])
        return self

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def log_tail(self):
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-15:])

    def rss_bytes(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise BenchFailure("the server has ended")

    def cpu_s(self):
        """Of all its threads, since it was started: exact, not in the ticks of /proc."""
        clock = (~self.pid << 3) | 2  # what clock_getcpuclockid() makes of a process
        return time.clock_gettime(clock)

    def settled_rss_bytes(self, timeout_s=20):
        """Once it has changed by less than 0.5 % for a second."""
        deadline = time.monotonic() + timeout_s
        readings = [self.rss_bytes()]
        while time.monotonic() < deadline:
            time.sleep(0.5)
            readings.append(self.rss_bytes())
            if len(readings) > 2 and max(readings[-3:]) - min(readings[-3:]) < readings[-1] * 0.005:
                break
        return readings[-1]


class RawServer:
    """A raw server, of raw-echo or probe-bench; ends when its standard input does."""

    def __init__(self, binary, *arguments):
        self.process = subprocess.Popen([str(binary), *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(await_line(self.process, "ready ", 10).split("port=")[1])

    @property
    def pid(self):
        return self.process.pid

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Tools:
    """The built programs and the folder for data."""

    def __init__(self, binaries, folder):
        self.callbook = binaries / "callbook"
        self.load_program = binaries / "callbook-load"
        self.raw_program = binaries / "raw-echo"
        self.probe_program = binaries / "probe-bench"
        self.follow_program = binaries / "follow-bench"
        self.bus_program = binaries / "bus-bench"
        for program in (self.callbook, self.load_program, self.raw_program, self.probe_program,
                        self.follow_program, self.bus_program):
            if not os.access(program, os.X_OK):
                raise SystemExit(f"bench: {program} is not built; run make bench")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(dir=folder, prefix="bench-"))
        self.raw_servers = {}

    def server(self, *flags, name="bench"):
        return Server(self.callbook, self.folder, flags, name)

    def bus(self, url, messages, timeout_s=300):
        return finish(subprocess.Popen([str(self.bus_program), url, str(messages)],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True), timeout_s)

    def raw_server(self, mode):
        if mode not in self.raw_servers:
            self.raw_servers[mode] = RawServer(self.raw_program, mode, "--timeout-s", "3600")
        return self.raw_servers[mode]

    def close(self):
        for server in self.raw_servers.values():
            server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_load(self, scenario, server, timeout_s, **options):
        return subprocess.Popen(
            arguments_for(self.load_program, scenario, timeout_s, port=server.port, **options),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def load(self, scenario, server, timeout_s=60, **options):
        process = self.start_load(scenario, server, timeout_s, server_pid=server.pid, **options)
        try:
            return finish(process, timeout_s)
        except BenchFailure as failure:
            raise BenchFailure(f"{failure}; the server's log ends:\n{server.log_tail()}") from None

    def raw(self, mode, server=None, timeout_s=60, **options):
        if server:
            options |= {"port": server.port, "server_pid": server.pid}
        return finish(subprocess.Popen(
            arguments_for(self.raw_program, mode, timeout_s, **options), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True), timeout_s)


def arguments_for(program, mode, timeout_s, **options):
    arguments = [str(program), mode, "--timeout-s", str(timeout_s)]
    for name, value in options.items():
        arguments += ["--" + name.replace("_", "-"), str(value)]
    return arguments


def finish(process, timeout_s):
    """The JSON object that a load prints last. It keeps its own deadline; this one is for hangs."""
    try:
        out, err = process.communicate(timeout=timeout_s + 15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise BenchFailure(f"{' '.join(process.args)} hung") from None
    if process.returncode != 0:
        raise BenchFailure(f"{' '.join(process.args)} failed: {err.strip()}")
    return json.loads(out.strip().splitlines()[-1])
