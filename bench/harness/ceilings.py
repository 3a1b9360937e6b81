"""The raw ceilings by themselves: what this machine does without HTTP or a registry."""

from .rounds import median_of
from .table import Row


def echo(tools, connections, max_ms):
    return tools.raw("echo", tools.raw_server("echo-server"), connections=connections,
                     count=10_000_000, max_ms=max_ms)


def fanout(tools, watchers, changes):
    return tools.raw("fanout", tools.raw_server("fanout-server"), watchers=watchers,
                     changes=changes, timeout_s=120)


def fdatasync(tools, max_ms):
    return tools.raw("fdatasync", file=tools.folder / "fdatasync", count=1_000_000, max_ms=max_ms)


def run(tools, sizes):
    rows = []
    for connections in (1, 100):
        results = [echo(tools, connections, sizes.ceiling_ms) for _ in range(sizes.rounds)]
        rows.append(Row(f"raw: 64-byte echo, {connections} connection{'s' * (connections > 1)}, one at a time",
                        median_of(results, "per_second"), "/s", median_of(results, "server_cpu_us"),
                        samples=results))
    for watchers, changes in ((1_000, 50), (10_000, 10)):
        results = [fanout(tools, watchers, changes) for _ in range(sizes.rounds)]
        rows.append(Row(f"raw: 250 bytes sent to {watchers:,} connections, to the last",
                        median_of(results, "p50_ms"), "ms", median_of(results, "server_cpu_us"),
                        samples=results))
    results = [fdatasync(tools, sizes.ceiling_ms) for _ in range(sizes.rounds)]
    rows.append(Row("raw: fdatasync after appending 4 KB", median_of(results, "per_second"), "/s",
                    samples=results))
    return rows
