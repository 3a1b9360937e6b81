"""kill -9 and restart: with a large catalog, and with clients that all want to come back."""

import json
import time
import urllib.error
import urllib.request
from statistics import median

from .processes import BenchFailure, await_line, finish
from .table import Row, at_most


def run(tools, sizes):
    return large_catalog(tools, sizes) + crowd(tools, sizes)


def await_readyz(port, timeout_s):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.005)
    raise BenchFailure(f"/readyz did not answer 200 within {timeout_s} s")


def count_instances(port):
    url = f"http://127.0.0.1:{port}/v1/services?limit=1000"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return sum(service["instances"] for service in json.load(answer)["services"])


def large_catalog(tools, sizes):
    readys, readyzs = [], []
    with tools.server() as server:
        tools.load("batches", server, instances=sizes.loaded, services=1_000, timeout_s=120)
        for _ in range(sizes.rounds):
            server.kill()
            start = time.monotonic()
            server.start(timeout_s=120)
            readys.append(time.monotonic() - start)
            await_readyz(server.port, 120)
            readyzs.append(time.monotonic() - start)
            found = count_instances(server.port)
            if found != sizes.loaded:
                raise BenchFailure(f"after kill -9 there are {found:,} of {sizes.loaded:,} instances")
    of = f"after kill -9 with {sizes.loaded:,} instances"
    return [Row(f"start {of}, to the ready line", median(readys), "s", samples=readys),
            Row(f"start {of}, to 200 from /readyz", median(readyzs), "s", samples=readyzs)]


def crowd(tools, sizes):
    results = []
    for _ in range(sizes.rounds):
        with tools.server() as server:
            load = tools.start_load("reconnect", server, 90, sessions=1_000,
                                    instances_per_session=100, watchers=1_000)
            try:
                await_line(load, "prepared", 90)
                killed_ns = time.monotonic_ns()
                server.kill()
                server.start()
            except BenchFailure:
                load.kill()
                raise BenchFailure(load.communicate()[1] or "the clients did not get ready") from None
            result = finish(load, 90)
            results.append(result | {"seconds": (result["complete_at_ns"] - killed_ns) / 1e9})
    return [Row("kill -9 with 100,000 instances, 1,000 sessions, 1,000 watchers: all complete again",
                median(result["seconds"] for result in results), "s",
                targets=[at_most("value", 1)], samples=results)]
