"""What following a registry costs a program that uses the client library."""

import http.client
import json
import shutil
import subprocess
import time
from pathlib import Path

from .processes import BenchFailure, await_line
from .table import Row, at_most

SERVICES = 100
CHANGES_A_SECOND = 200
METADATA = {"version": "1.4.2", "commit": "8c1f3e07a9d2", "owner": "payments-and-orders",
            "shard": "0017", "build": "2026-11-02T10:31:44Z-release-x86-64-with-some-more-words"}


class Follower:
    def __init__(self, tools, instances, **options):
        arguments = [str(tools.follow_program), "--services", str(SERVICES),
                     "--instances", str(instances)]
        for name, value in options.items():
            arguments += ["--" + name, str(value)]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        self.began = self.fields("following")

    def fields(self, kind):
        words = await_line(self.process, kind, 90).split()[1:]
        return {name: float(value) for name, value in (word.split("=") for word in words)}

    def cpu_s_until(self, service, instance):
        self.process.stdin.write(f"{service} {instance}\n")
        return self.fields("seen")["cpu_ns"] / 1e9

    def close(self):
        self.process.stdin.close()
        if self.process.wait(20) != 0:
            raise BenchFailure("follow-bench failed")


class Registry:
    """One connection for one change at a time."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def register(self, lines):
        for begin in range(0, len(lines), 1_000):
            text = "\n".join(json.dumps({"op": "register", **line})
                             for line in lines[begin:begin + 1_000])
            self.connection.request("POST", "/v1/batch", text)
            answers = self.connection.getresponse().read().splitlines()
            refused = [one for one in answers if json.loads(one)["status"] not in (200, 201)]
            if refused:
                raise BenchFailure(f"an instance was refused: {refused[0]}")


def instance(service, number, revision=0):
    return {"service": f"s-{service}", "id": f"i-{number}", "port": 8080,
            "persistent": True, "address": f"10.{service}.{number // 250}.{number % 250}",
            "metadata": {**METADATA, "revision": str(revision)}}


def run(tools, sizes):
    each = sizes.followed // SERVICES
    cache = Path(tools.folder) / "cache"
    with tools.server() as server:
        registry = Registry(server)
        registry.register([instance(s, i) for s in range(SERVICES) for i in range(each)])
        follower = Follower(tools, each, port=server.port, cache=cache)
        began = follower.began
        follower.cpu_s_until("s-0", "i-0")  # what the first lists left to do
        single = spaced_changes(registry, follower, each)
        burst = one_burst(registry, follower, each)
        follower.close()
    cold = Follower(tools, each, port=0, cache=cache)
    cold.close()
    shutil.rmtree(cache)
    what = f"{SERVICES} services of {each:,}"
    return [
        Row(f"a client follows {what}: until it has them", began["ms"], "ms"),
        Row("... memory for each instance", began["bytes"] / SERVICES / each, "B", samples=[began]),
        Row(f"... CPU of the client for each of {CHANGES_A_SECOND} changes a second", single, "µs"),
        Row(f"... for each of {each:,} changes at once to one service", burst, "µs"),
        Row(f"a client starts without a registry, {what} in its cache", cold.began["ms"], "ms",
            targets=[at_most("value", 1_000 * sizes.followed / 100_000)], samples=[cold.began])]


def spaced_changes(registry, follower, each):
    """Microseconds of the client's CPU for each."""
    count = 10 * CHANGES_A_SECOND
    start = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, start + n / CHANGES_A_SECOND - time.monotonic()))
        registry.register([instance(n % SERVICES, n % each, revision=1 + n)])
    registry.register([instance(0, each)])
    return follower.cpu_s_until("s-0", f"i-{each}") / (count + 1) * 1e6


def one_burst(registry, follower, each):
    registry.register([instance(1, i, revision=-1) for i in range(each)] + [instance(1, each)])
    return follower.cpu_s_until("s-1", f"i-{each}") / (each + 1) * 1e6
