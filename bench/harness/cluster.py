"""Several nodes over a bus of one and of three NATS servers, beside that bus by itself."""

import http.client
import json
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from .following import instance
from .processes import BenchFailure
from .table import Row, at_most

IDLE_CHANGES = 300
LOAD_A_SECOND = 10_000
NODE_FLAGS = ("--io-threads", "1")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nats:
    """One NATS server with JetStream, or three that know each other."""

    def __init__(self, folder, count):
        self.folder = Path(tempfile.mkdtemp(dir=folder, prefix="nats-"))
        self.ports = [free_port() for _ in range(count)]
        routes = [free_port() for _ in range(count)]
        self.processes = []
        program = shutil.which("nats-server") or "/usr/sbin/nats-server"
        for number, port in enumerate(self.ports):
            arguments = [program, "-n", f"bus-{number}", "-a", "127.0.0.1", "-p", str(port), "-js",
                         "-sd", str(self.folder / str(number))]
            if count > 1:
                others = ",".join(f"nats://127.0.0.1:{route}" for route in routes
                                  if route != routes[number])
                arguments += ["--cluster_name", "bench", "--routes", others, "--cluster",
                              f"nats://127.0.0.1:{routes[number]}"]
            self.processes.append(subprocess.Popen(arguments, stderr=subprocess.DEVNULL))

    @property
    def url(self):
        return ",".join(f"nats://127.0.0.1:{port}" for port in self.ports)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def call(server, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def instances_of(server):
    return json.loads(call(server, "GET", "/v1/status")[1])["instances"]


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise BenchFailure(f"{what} did not come about within {seconds} s")
        time.sleep(0.002)


class Watch:
    """An event stream, read until it names an instance."""

    def __init__(self, server, service):
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.sendall(f"GET /v1/watch?service={service} HTTP/1.1\r\nHost: b\r\n\r\n".encode())
        self.seen = b""
        self.until(b"event:snapshot", 30)

    def until(self, text, seconds):
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise BenchFailure(f"a watcher has not been told of {text!r} in {seconds} s")
            self.seen = self.seen[-200:] + self.socket.recv(65536)

    def close(self):
        self.socket.close()


def spread(near, far, count, pause_s=0.005):
    """Milliseconds from sending a registration to one node until a watcher at another has it."""
    watch = Watch(far, "spread")
    connection = http.client.HTTPConnection("127.0.0.1", near.port, timeout=60)
    times = []
    tag = time.monotonic_ns()
    for number in range(count):
        name = f"i-{tag}-{number}"
        body = json.dumps({"address": "10.0.0.1", "port": 80, "persistent": True})
        began = time.monotonic()
        connection.request("PUT", f"/v1/services/spread/instances/{name}", body)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 201:
            raise BenchFailure(f"a registration was answered {answer.status}")
        watch.until(name.encode(), 60)
        times.append((time.monotonic() - began) * 1_000)
        time.sleep(pause_s)
    watch.close()
    times.sort()
    return {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}


class Load(threading.Thread):
    """So many changes a second to one node, in batches of a hundredth, to services of their own."""

    def __init__(self, server, seconds):
        super().__init__()
        self.server = server
        self.seconds = seconds
        self.done = 0

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        start = time.monotonic()
        each = LOAD_A_SECOND // 100
        for step in range(self.seconds * 100):
            time.sleep(max(0.0, start + step / 100 - time.monotonic()))
            lines = [{"op": "register", **instance(n % 1_000, n // 1_000 % 10, revision=step)}
                     for n in range(step * each, (step + 1) * each)]
            connection.request("POST", "/v1/batch", "\n".join(map(json.dumps, lines)))
            connection.getresponse().read()
            self.done += each


def register_all(server, count):
    """Registers so many; the texts are made before the clock runs."""
    texts = ["\n".join(json.dumps({"op": "register", **instance(n % 100, n // 100)})
                       for n in range(begin, min(begin + 1_000, count)))
             for begin in range(0, count, 1_000)]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    began = time.monotonic()
    for text in texts:
        connection.request("POST", "/v1/batch", text)
        connection.getresponse().read()
    return began


def two_nodes(tools, bus, *flags):
    """Three nodes, two of which have been started and know each other."""
    nodes = [tools.server("--bus", bus.url, *NODE_FLAGS, *flags, name=f"bench-{i}")
             for i in range(3)]
    for node in nodes[:2]:
        node.start()
    until(lambda: len(json.loads(call(nodes[0], "GET", "/v1/nodes")[1])["nodes"]) == 2, 30,
          "a cluster of two")
    return nodes


def measure(tools, sizes, servers):
    bus = Nats(tools.folder, servers)
    nodes = []
    what = "one NATS server" if servers == 1 else f"{servers} NATS servers"
    try:
        raw = tools.bus(bus.url, sizes.followed)
        nodes = two_nodes(tools, bus)
        first, second, added = nodes
        idle = spread(first, second, IDLE_CHANGES)
        load = Load(first, sizes.bus_load_s)
        load.start()
        time.sleep(2)
        before = second.rss_bytes()
        busy = spread(first, second, IDLE_CHANGES, pause_s=(sizes.bus_load_s - 3) / IDLE_CHANGES)
        grown = second.rss_bytes() / before
        load.join()
        until(lambda: instances_of(first) == instances_of(second), 60, "two equal catalogs")
        before = instances_of(second)
        began = register_all(first, sizes.followed)
        expected = instances_of(first)
        until(lambda: instances_of(second) == expected, 120, "all instances at the other node")
        rate = (expected - before) / (time.monotonic() - began)
        began = time.monotonic()
        added.start()
        joined = time.monotonic() - began
        if instances_of(added) != expected:
            raise BenchFailure("a node that joined lacks instances")
        rss = second.settled_rss_bytes()
    finally:
        for node in nodes:
            node.close()
        bus.close()
    return [
        Row(f"{what}: acknowledgement of one message, p50", raw["ack_p50_ms"], "ms", samples=[raw]),
        Row("... messages acknowledged", raw["rate"], "/s"),
        Row(f"... {sizes.followed:,} read again", raw["replay_ms"], "ms"),
        Row("registration at one node to a watcher at another, p50", idle["p50"], "ms",
            targets=[at_most("value", 5)], samples=[idle]),
        Row("... p99", idle["p99"], "ms", targets=[at_most("value", 25)]),
        Row(f"... under {LOAD_A_SECOND:,} changes/s for {sizes.bus_load_s} s, p50", busy["p50"], "ms",
            samples=[busy]),
        Row("... p99", busy["p99"], "ms", targets=[at_most("value", 100)]),
        Row("... memory of the other node, against its beginning", grown, "x"),
        Row("registrations through the bus, until the other node has all", rate, "/s"),
        Row(f"an empty node joins {expected:,} instances", joined * 1_000, "ms"),
        Row("... memory of a node that followed, for each instance", rss / expected, "B")]


def run(tools, sizes):
    return measure(tools, sizes, 1) + measure(tools, sizes, 3)
