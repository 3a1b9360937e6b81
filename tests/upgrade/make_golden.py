#!/usr/bin/env python3
"""Has the last release write what golden/ holds: its records and cards as text, and a data directory.
Run it once for a release, with CALLBOOK_OLD_BIN set to the folder of its programs; the tests that
read golden/ run everywhere.

    records.txt   every record that its nodes stored: key and value in hexadecimal
    cards.txt     cards that its nodes broadcast
    alone/        the data directory of a node without a cluster
    alone.json    what that node showed last
"""

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
os.environ["CALLBOOK_BIN"] = str(Path(os.environ["CALLBOOK_OLD_BIN"]) / "callbook")

from cluster import Cluster  # noqa: E402  (needs the lines above)
from registry import Node, path_of, until  # noqa: E402
from test_liveness import FAST, Provider  # noqa: E402

GOLDEN = HERE / "golden"
CARDS = 12


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def stored(folder):
    """Every record of a store's files (docs/formats/store.md), in order: (key, value)."""
    for path in sorted(folder.glob("*.cbk")):
        data, at = path.read_bytes(), 44
        while at + 8 <= len(data):
            length = int.from_bytes(data[at + 4:at + 8], "little")
            body = data[at + 8:at + 8 + length]
            at += 8 + length
            if len(body) < length or length < 9 or body[0] != 1:
                continue
            size, begin = varint(body, 9)
            yield body[begin:begin + size], body[begin + size:]


def checked(answer, *statuses):
    assert answer.status in (statuses or (200, 201)), (answer.status, answer.body)
    return answer


def put(node, service, name, **fields):
    checked(node.call("PUT", path_of(service, name), {"address": "10.0.0.7", "port": 8080, **fields}))


def override(node, service, name, **said):
    checked(node.call("PUT", path_of(service, name) + "/override", {"by": "alice", **said}))


def fill(node):
    """One of everything that a client or an operator can say."""
    session = node.open_session(ttl_ms=600_000, client="orders@host-7")
    put(node, "orders", "o-1", session=session, zone="a", weight=50,
        ports={"grpc": 9090, "admin": 9091}, metadata={"version": "1.4", "empty": "", "ä": "ö"})
    put(node, "orders", "o-2", session=session)
    put(node, "orders", "o-3", session=session)
    checked(node.deregister("orders", "o-3"))
    put(node, "orders", "o-4", session=session)
    checked(node.deregister("orders", "o-4", drain="600s"))
    put(node, "timed", "t-1", ttl_ms=600_000)
    put(node, "timed", "t-2", ttl_ms=600_000)
    checked(node.deregister("timed", "t-2"))
    put(node, "lasting", "l-1", persistent=True)
    put(node, "lasting", "l-2", persistent=True)
    checked(node.deregister("lasting", "l-2"))
    put(node, "lasting", "l-3", persistent=True, address="2001:db8::7", port=0)
    # Nothing listens there.
    put(node, "checked", "c-1", address="127.0.0.1", port=1, check={"tcp": {}, "interval_ms": 3_600_000})
    put(node, "checked", "c-2", address="127.0.0.1", ports={"admin": 2},
        check={"http": {"path": "/health", "port": 2}, "interval_ms": 3_600_000, "timeout_ms": 700,
               "failures": 5, "successes": 2, "remove_after_ms": 86_400_000})
    for name in ("s-1", "s-2", "s-3", "s-4"):
        put(node, "said", name, persistent=True)
    override(node, "said", "s-1", state="out_of_service", reason="bad disk")
    override(node, "said", "s-2", weight=7)
    override(node, "said", "s-3", state="out_of_service", weight=0)
    override(node, "said", "s-4", weight=1)
    checked(node.call("DELETE", path_of("said", "s-4") + "/override?by=bob&reason=mended"))
    closed = node.open_session(ttl_ms=600_000)
    put(node, "closed", "x-1", session=closed)
    checked(node.call("DELETE", f"/v1/sessions/{closed}"))
    first, later = node.open_session(ttl_ms=600_000), node.open_session(ttl_ms=600_000)
    put(node, "rivals", "r-1", session=first)
    put(node, "rivals", "r-1", session=later)


def suspects(node):
    """Those that are not heard of: refused, and so many silent that a breaker holds."""
    silent = [Provider(node, "silent", f"n-{i}", attached=False) for i in range(4)]
    refused = Provider(node, "refused", "f-1")
    for one in silent:
        one.vanish()
    refused.kill()
    until(lambda: {one.get("state") for one in node.get("silent")["instances"]} == {"protected"},
          30, "a breaker that holds")
    until(lambda: not node.get("refused")["instances"], 30, "removal of the refused one")
    checked(node.call("POST", "/v1/services/silent/release"))
    until(lambda: not node.get("silent")["instances"], 60, "removal of the silent ones")
    for one in [*silent, refused]:
        one.close()


def cards_on(bus):
    """What nodes broadcast: bytes of the subject callbook.*.beat."""
    found = []
    with socket.create_connection(("127.0.0.1", bus.servers[0].port), 10) as connection:
        stream = connection.makefile("rwb")
        stream.readline()  # INFO
        stream.write(b'CONNECT {"verbose":false}\r\nSUB callbook.*.beat 1\r\nPING\r\n')
        stream.flush()
        while len(found) < CARDS:
            line = stream.readline()
            if line.startswith(b"PING"):
                stream.write(b"PONG\r\n")
                stream.flush()
            elif line.startswith(b"MSG"):
                card = stream.read(int(line.split()[-1]))
                stream.readline()
                found.append(card)
    return found


def in_a_cluster(folder):
    """Records and cards of nodes of a cluster; the last records are still owed to the bus."""
    cluster = Cluster(folder, nodes=2, flags=FAST)
    try:
        cluster.start()
        fill(cluster.nodes[0])
        suspects(cluster.nodes[1])
        cluster.nodes.append(cluster.make(2))  # it stores what a snapshot holds
        cluster.nodes[2].start()
        cluster.settle()
        cards = cards_on(cluster.bus)
        cluster.bus.close()
        put(cluster.nodes[1], "lasting", "owed", persistent=True)
        session = cluster.nodes[0].open_session(ttl_ms=600_000)
        moved = cluster.nodes[0].get("orders")["instances"][0]
        assert moved["id"] == "o-1" and session
        for node in cluster.nodes:
            node.kill()
        stores = {node.name: list(stored(node.data)) for node in cluster.nodes}
    finally:
        cluster.close()
    return stores, cards


def alone(folder):
    node = Node(folder, *FAST).start()
    suspects(node)
    fill(node)
    names = [one["service"] for one in node.call("GET", "/v1/services").json["services"]]
    shown = {name: node.get(name) for name in names}
    time.sleep(0.5)  # until what was written is on the disk
    assert node.stop() == 0
    return shown, list(stored(folder))


def lines_of(store, records):
    """Each once; of a node's own marks and debts, which there are hundreds of, a few."""
    lines, own = [f"store {store}"], {}
    for key, value in records:
        kind = (key[:1], bool(value))
        own[kind] = own.get(kind, 0) + 1
        line = f"{key.hex()} {value.hex()}".rstrip()
        if (key[:1] not in (b"m", b"o") or own[kind] <= 4) and line not in lines:
            lines.append(line)
    return lines


def write_records(stores):
    lines = ["# What nodes of release 0.1.0 have stored, by store and in order: key, value (empty: "
             "erased), in", "# hexadecimal. Made by make_golden.py.",
             f"wall_ms {int(time.time() * 1000)}"]
    for store, records in stores.items():
        lines += lines_of(store, records)
    (GOLDEN / "records.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    shutil.rmtree(GOLDEN, ignore_errors=True)
    GOLDEN.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        shown, records = alone(Path(scratch) / "alone")
        shutil.copytree(Path(scratch) / "alone", GOLDEN / "alone",
                        ignore=shutil.ignore_patterns("LOCK"))
        stores, cards = in_a_cluster(Path(scratch) / "cluster")
    (GOLDEN / "alone.json").write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n",
                                       encoding="utf-8")
    (GOLDEN / "cards.txt").write_text("".join(f"{card.hex()}\n" for card in cards), encoding="utf-8")
    write_records({"alone": records, **stores})


if __name__ == "__main__":
    main()
