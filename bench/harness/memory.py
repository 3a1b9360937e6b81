"""What instances and watchers cost in memory."""

from .table import Row, at_most

# Promised for a slow subscriber, and for one with its own connection.
STALLED_BYTES = 64 * 1024
IDLE_BYTES = 5 * 1024
# By default a peer that takes nothing for 5 s is dropped; a slow machine needs longer to measure.
PATIENT = ("--user-timeout-ms", "60000")


def run(tools, sizes):
    return instances(tools, sizes) + watchers(tools, sizes)


def instances(tools, sizes):
    with tools.server() as server:
        empty = server.settled_rss_bytes()
        loaded = tools.load("batches", server, instances=sizes.loaded, services=1_000, timeout_s=120)
        full = server.settled_rss_bytes()
    return [Row("memory of the server, empty", empty / 1e6, "MB"),
            Row(f"memory per instance of 200 B of metadata, {sizes.loaded:,} of them",
                (full - empty) / sizes.loaded, "B", targets=[at_most("value", 450)],
                samples=[{"empty": empty, "full": full}, loaded])]


def watchers(tools, sizes):
    with tools.server() as server:
        idle = tools.load("idle-watchers", server, watchers=sizes.many_watchers, timeout_s=120)
    rows = [Row(f"memory per idle watcher, {sizes.many_watchers:,} of them, user space",
                idle["bytes_per_watcher"], "B", targets=[at_most("value", IDLE_BYTES)],
                samples=[idle])]
    for what, options in (
            ("1,000 stalled watchers, 2,000 changes", {"watchers": 1_000, "changes": 2_000}),
            # Over 6 MB for each: more than the kernel takes off the server's hands.
            ("100 stalled watchers, 22,000 changes",
             {"watchers": 100, "changes": 2_000, "batches": 20}),
            ("100 watchers stalled in their first snapshot, 22,000 changes",
             {"watchers": 100, "changes": 2_000, "batches": 20, "in_snapshot": 1})):
        with tools.server(*PATIENT) as server:
            stalled = tools.load("stalled-watchers", server, timeout_s=120, **options)
        rows.append(Row(f"memory for each of {what}, user space", stalled["bytes_per_watcher"], "B",
                        targets=[at_most("value", STALLED_BYTES)], samples=[stalled]))
        rows.append(Row("... held by the kernel", stalled["kernel_bytes_per_watcher"], "B"))
    return rows
