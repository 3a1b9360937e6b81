"""What checked instances cost the server."""

import http.client
import json
import time

from .processes import BenchFailure, RawServer
from .table import Row, at_most

EVERY_MS = 5_000
SETTLE_S = 7  # the first checks, made at once, and the spread of the next
WATCH_S = 20


def run(tools, sizes):
    listener = RawServer(tools.probe_program, "--listen", "1")
    try:
        return [row for kind in ("http", "tcp") for row in cost_of(tools, sizes, kind, listener.port)]
    finally:
        listener.close()


def cost_of(tools, sizes, kind, port):
    with tools.server() as server:
        register(server, kind, port, sizes.checked)
        time.sleep(SETTLE_S)
        before = metrics(server)
        cpu_s, wall_s = server.cpu_s(), time.monotonic()
        time.sleep(WATCH_S)
        cpu_s, wall_s = server.cpu_s() - cpu_s, time.monotonic() - wall_s
        after = metrics(server)
    checks = after["checks_total"] - before["checks_total"]
    if after["checks_failed_total"] > 0 or checks < 0.9 * sizes.checked * wall_s * 1e3 / EVERY_MS:
        raise BenchFailure(f"{checks} checks in {wall_s:.1f} s, {after['checks_failed_total']} failed")
    what = f"{sizes.checked:,} instances with a check by {kind.upper()} every {EVERY_MS // 1000} s"
    return [Row(f"{what}: cores", cpu_s / wall_s, "", cpu_s / checks * 1e6,
                targets=[at_most("value", 0.5 * sizes.checked / 20_000)],
                samples=[{"cpu_s": cpu_s, "wall_s": wall_s, "checks": checks}])]


def register(server, kind, port, count):
    check = {"interval_ms": EVERY_MS, kind: {"path": "/health"} if kind == "http" else {}}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for begin in range(0, count, 1_000):
        lines = [json.dumps({"op": "register", "service": f"s-{i % 100}", "id": f"i-{i}",
                             "address": f"127.{1 + i // 250}.{i % 250}.1", "port": port,
                             "check": check}) for i in range(begin, begin + 1_000)]
        connection.request("POST", "/v1/batch", "\n".join(lines))
        answers = connection.getresponse().read().splitlines()
        if any(json.loads(answer)["status"] != 201 for answer in answers):
            raise BenchFailure("a checked instance was refused")


def metrics(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    samples = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {name.removeprefix("callbook_"): float(value) for name, value in samples
            if name.startswith("callbook_checks")}
