"""How changes reach those who watch: fan-out, bursts, mass departure."""

from . import ceilings
from .rounds import in_turn, median_of, median_ratio
from .table import Row, at_most


def fanout_rows(tools, watchers, providers, rounds, changes, worst_p50, worst_p99):
    with tools.server() as server:
        ceiling, measured = in_turn(
            rounds, lambda: ceilings.fanout(tools, watchers, max(8, changes // 6)),
            lambda: tools.load("fanout", server, watchers=watchers, providers=providers,
                               changes=changes, timeout_s=120))
    rows = []
    for key, worst in (("p50_ms", worst_p50), ("p99_ms", worst_p99)):
        row = Row(f"one change to the last of {watchers:,} watchers, {providers:,} providers, {key[:3]}",
                  median_of(measured, key), "ms", median_of(measured, "server_cpu_us"),
                  median_of(ceiling, "p50_ms"), median_ratio(measured, ceiling, key, "p50_ms"),
                  [at_most("ratio", worst)] if worst else [], measured)
        rows.append(row)
    return rows, measured


def fanout(tools, sizes):
    rows, _ = fanout_rows(tools, 1_000, 100, sizes.rounds, sizes.changes, 2, 3)
    more, measured = fanout_rows(tools, 1_000, 1_000, sizes.rounds, sizes.changes, 2, 3)
    many, _ = fanout_rows(tools, sizes.many_watchers, 1_000, sizes.many_rounds, 30, 1.5, None)
    of = "per change per watcher, 1,000 providers, 200 B of data"
    return rows + more + many + [
        Row(f"bytes of a new instance, {of}", median_of(measured, "put_bytes"), "B",
            targets=[at_most("value", 320)]),
        Row(f"bytes of a removal, {of}", median_of(measured, "gone_bytes"), "B",
            targets=[at_most("value", 140)])]


def burst(tools, sizes):
    with tools.server() as server:
        measured = [tools.load("burst", server, watchers=1_000, providers=100, changes=100, rounds=5)
                    for _ in range(sizes.rounds)]
    return [Row("100 changes at once to the last of 1,000 watchers", median_of(measured, "p50_ms"),
                "ms", median_of(measured, "server_cpu_us"), targets=[at_most("value", 30)],
                samples=measured),
            Row("100 changes at once to 1,000 watchers, bytes in all",
                median_of(measured, "bytes") / 1e6, "MB")]


def departure(tools, sizes):
    measured = []
    for _ in range(sizes.rounds):
        with tools.server() as server:
            measured.append(tools.load("departure", server, sessions=1_000, services=100,
                                       instances_per_session=100, watchers=100))
    return [Row("1,000 sessions of 100 instances closed, to the last of 100 watchers of all",
                median_of(measured, "last_ms") / 1e3, "s", median_of(measured, "server_cpu_us"),
                targets=[at_most("value", 1)], samples=measured),
            Row("... bytes sent to each watcher", median_of(measured, "bytes") / 100 / 1e3, "KB")]
