"""Registrations, heartbeats and batches."""

from . import ceilings
from .rounds import in_turn, median_of, median_ratio
from .table import Row, at_least, at_most

# docs: 1.5 times the better of its peers as they were measured on one quiet machine (ZooKeeper:
# 54,000/s). Peers are not part of this run, so this one bound is absolute.
LOGGED_PER_SECOND = 81_000


def rate_row(what, measured, targets, ceiling=None):
    row = Row(what, median_of(measured, "per_second"), "/s", median_of(measured, "server_cpu_us"),
              targets=targets, samples=measured)
    if ceiling:
        row.ceiling = median_of(ceiling, "per_second")
        row.ratio = median_ratio(measured, ceiling, "per_second")
    return row


def registration_runs(tools, sizes, connections, pipelining, ack):
    """Ceilings and measurements of one kind of registration, on a server of its own."""
    with tools.server() as server:
        first = iter(range(0, 90_000_000, 2_000_000))
        return in_turn(
            sizes.rounds, lambda: ceilings.echo(tools, connections, sizes.ceiling_ms),
            lambda: tools.load("registrations", server, connections=connections,
                               pipelining=pipelining, ack=ack, count=sizes.max_registrations,
                               max_ms=sizes.rate_ms, first=next(first)))


def registrations(tools, sizes):
    rows = []
    for connections, least, most in ((100, 0.4, 12), (1, 0.6, None)):
        ceiling, measured = registration_runs(tools, sizes, connections, 1, "local")
        targets = [at_least("ratio", least)] + ([at_most("cpu_us", most)] if most else [])
        rows.append(rate_row(
            f"registrations, {connections} connection{'s' * (connections > 1)}, one at a time, local",
            measured, targets, ceiling))
    logged = []
    for ack in ("logged", "local"):
        for pipelining in (16, 64):
            _, measured = registration_runs(tools, sizes, 100, pipelining, ack)
            row = rate_row(f"registrations, 100 connections, pipelining {pipelining}, {ack}",
                           measured, [at_most("cpu_us", 10)] if ack == "logged" else [])
            rows.append(row)
            logged += [row] if ack == "logged" else []
    best = max(logged, key=lambda row: row.value)
    best.targets.insert(0, at_least("value", LOGGED_PER_SECOND))
    return rows


def heartbeats(tools, sizes):
    with tools.server() as server:
        ceiling, measured = in_turn(
            sizes.rounds, lambda: ceilings.echo(tools, 100, sizes.ceiling_ms),
            lambda: tools.load("heartbeats", server, connections=100, sessions=sizes.sessions,
                               count=10_000_000, max_ms=sizes.rate_ms))
    return [rate_row(f"heartbeats of {sizes.sessions:,} sessions, 100 connections, one at a time",
                     measured, [at_most("cpu_us", 9)], ceiling)]


def batches(tools, sizes):
    with tools.server() as server:
        measured = [tools.load("batches", server, instances=sizes.batched,
                               first=number * sizes.batched)
                    for number in range(sizes.rounds)]
    return [rate_row("registrations in batches of 1,000, 4 connections", measured,
                     [at_least("value", 300_000)])]
