"""Nodes that join and leave a cluster, and what the others and the clients notice of it."""

import http.client
import json
import signal
import threading
import time

from .cluster import Nats, call, instances_of, two_nodes, until
from .processes import BenchFailure, await_line, finish
from .table import Row, at_most

QUIET_SECONDS = 5
LEAVING_WATCHERS = 5_000


class Registering(threading.Thread):
    """One client that registers, one at a time, and how long each took."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.times_ms = []
        self.over = False

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        tag = time.monotonic_ns()
        body = json.dumps({"address": "10.0.0.1", "port": 80, "persistent": True})
        while not self.over:
            began = time.monotonic()
            name = f"i-{tag}-{len(self.times_ms)}"
            connection.request("PUT", f"/v1/services/beside/instances/{name}", body)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                raise BenchFailure(f"a registration was answered {answer.status}")
            self.times_ms.append((time.monotonic() - began) * 1_000)

    def figures(self):
        self.over = True
        self.join()
        times = sorted(self.times_ms)
        return {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100],
                "most": times[-1], "count": len(times)}


def rows_of(what, quiet, beside):
    return [Row(f"{what}: registrations elsewhere before, p50", quiet["p50"], "ms", samples=[quiet]),
            Row("... p99", quiet["p99"], "ms"),
            Row("... meanwhile, p50", beside["p50"], "ms", samples=[beside]),
            Row("... p99", beside["p99"], "ms"),
            Row("... the longest", beside["most"], "ms")]


def join(tools, sizes):
    """An empty node joins a large catalog, while a client registers at another node."""
    bus = Nats(tools.folder, 1)
    nodes = two_nodes(tools, bus)
    first, second, added = nodes
    try:
        began = time.monotonic()
        tools.load("batches", first, instances=sizes.loaded, services=1_000, timeout_s=300)
        accepted = time.monotonic() - began
        expected = instances_of(first)
        until(lambda: instances_of(second) == expected, 300, "all instances at the other node")
        everywhere = time.monotonic() - began
        until(lambda: b'"outbox":0' in call(first, "GET", "/v1/nodes")[1], 60, "the bus to have all")
        client = Registering(first)
        client.start()
        time.sleep(QUIET_SECONDS)
        quiet = client.figures()
        client = Registering(first)
        client.start()
        began = time.monotonic()
        added.start(timeout_s=300)
        joined = time.monotonic() - began
        beside = client.figures()
        until(lambda: instances_of(added) == instances_of(first), 60, "all at the node that joined")
        memory = added.settled_rss_bytes()
    finally:
        for node in nodes:
            node.close()
        bus.close()
    what = f"an empty node joins {expected:,} instances"
    return [Row(f"{expected:,} instances registered at one node", accepted, "s"),
            Row("... until the other has all", everywhere, "s"),
            Row(what, joined, "s"), Row("... its memory, for each instance", memory / expected, "B"),
            *rows_of("... " + "join", quiet, beside)]


def clients_move(tools, how, watchers, *flags):
    """Seconds from the end of a node until all its clients are complete at the other."""
    bus = Nats(tools.folder, 1)
    nodes = two_nodes(tools, bus, *flags)
    first, second, _ = nodes
    try:
        load = tools.start_load("reconnect", first, 120, sessions=1_000, instances_per_session=100,
                                watchers=watchers, other_port=second.port)
        try:
            await_line(load, "prepared", 120)
            until(lambda: instances_of(second) == instances_of(first), 60, "all at the other node")
            expected = instances_of(first)
            began_ns = time.monotonic_ns()
            first.process.send_signal(how)
        except BenchFailure:
            load.kill()
            raise BenchFailure(load.communicate()[1] or "the clients did not get ready") from None
        result = finish(load, 120)
        first.process.wait(30)
        ended = (time.monotonic_ns() - began_ns) / 1e9
        if instances_of(second) != expected:
            raise BenchFailure("instances were lost on the way")
        metrics = call(second, "GET", "/metrics")[1].decode()
        if "\ncallbook_suspected_total 0\n" not in metrics:
            raise BenchFailure("clients were suspected on the way")
    finally:
        for node in nodes:
            node.close()
        bus.close()
    return result | {"seconds": (result["complete_at_ns"] - began_ns) / 1e9, "ended": ended}


def run(tools, sizes):
    killed = clients_move(tools, signal.SIGKILL, 1_000)
    left = clients_move(tools, signal.SIGTERM, LEAVING_WATCHERS)
    return [
        *join(tools, sizes),
        Row("node killed with 1,000 sessions (100,000 instances), 1,000 watchers: all complete at "
            "the other", killed["seconds"], "s", targets=[at_most("value", 1)], samples=[killed]),
        Row(f"node stopped (SIGTERM) with 1,000 sessions, {LEAVING_WATCHERS:,} watchers: all "
            "complete at the other", left["seconds"], "s", samples=[left]),
        Row("... until the node has ended", left["ended"], "s")]
