"""The catalog survives kill -9, and consumers find back to it."""

import http.client
import random
import threading
import time

import pytest

from http_stream import StreamEnded
from lists import EMPTY_DIGEST, Lists, check_snapshot, digest_of
from registry import assert_problem, path_of, registration, until

ROUNDS = 6
WRITERS = 4


class Writer:
    """Changes its own instances one after the other until the node dies. Remembers for each what
    was acknowledged last and what was under way."""

    def __init__(self, node, number):
        self.node = node
        self.service = f"w-{number}"
        self.acked = {}       # id -> weight, or None once its deregistration was acknowledged
        self.under_way = {}   # id -> weight or None, if the last call was not answered
        self.random = random.Random(number)
        self.next = 0
        self.acks = 0
        self.error = None

    def run(self):
        try:
            with self.node.connect() as connection:
                while True:
                    self._step(connection)
        except (OSError, http.client.HTTPException):
            pass  # the node was killed
        except Exception as error:
            self.error = error

    def _step(self, connection):
        known = [i for i, weight in self.acked.items() if weight is not None]
        ack = self.random.choice(["local", "local", "local", "logged"])
        if known and self.random.random() < 0.2:
            instance, weight = self.random.choice(known), None
            method, body = "DELETE", None
        else:
            again = known and self.random.random() < 0.3
            instance = self.random.choice(known) if again else f"o-{self.next:06}"
            self.next += 1
            weight = self.random.randrange(1, 60_000)
            method = "PUT"
            body = {"address": "10.0.0.1", "weight": weight, "persistent": True}
        self.under_way[instance] = weight
        answer = connection.call(method, path_of(self.service, instance, ack=ack), body)
        assert answer.status in (200, 201), answer
        del self.under_way[instance]
        self.acked[instance] = weight
        self.acks += 1

    def check(self):
        snapshot = check_snapshot(self.node.get(self.service))
        found = {i["id"]: i.get("weight", 100) for i in snapshot["instances"]}
        for instance, weight in self.acked.items():
            possible = {weight}
            if instance in self.under_way:
                possible.add(self.under_way[instance])
            assert found.get(instance) in possible, (self.service, instance, possible)
        strangers = found.keys() - self.acked.keys() - self.under_way.keys()
        assert not strangers, strangers
        # From here on what was found is what counts.
        self.acked.update({i: found.get(i) for i in self.under_way})
        self.under_way.clear()
        return snapshot["digest"]


def run_until_killed(node, writers, acks):
    before = sum(writer.acks for writer in writers)
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    until(lambda: sum(w.acks for w in writers) >= before + acks or any(w.error for w in writers),
          60, "enough acknowledgements")
    node.kill()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    for writer in writers:
        assert writer.error is None, writer.error


def test_every_acknowledged_change_survives_kill_9(make_node):
    node = make_node().start()
    writers = [Writer(node, number) for number in range(WRITERS)]
    for round_ in range(ROUNDS):
        run_until_killed(node, writers, acks=300 + 100 * round_)
        node.start()
        digests = [writer.check() for writer in writers]
        # Killed and started again without changes in between: the same lists.
        node.restart()
        assert [writer.check() for writer in writers] == digests
    assert sum(writer.acks for writer in writers) >= ROUNDS * 300


def test_an_acknowledged_batch_survives_kill_9(make_node):
    node = make_node().start()
    node.batch([registration("batched", f"o-{i}", metadata={"n": str(i)}) for i in range(5000)])
    digest = node.get("batched")["digest"]
    node.restart()
    snapshot = check_snapshot(node.get("batched"))
    assert snapshot["digest"] == digest and len(snapshot["instances"]) == 5000
    node.batch([{"op": "deregister", "service": "batched", "id": f"o-{i}"} for i in range(5000)])
    node.restart()
    assert node.get("batched")["empty"] == {"reason": "all_left",
                                            "causes": {"deregistered": 5000}}


def test_everything_about_an_instance_survives(make_node):
    node = make_node().start()
    session = node.open_session(ttl_ms=60_000)
    fields = {"ports": {"grpc": 9090}, "zone": "a", "weight": 7, "metadata": {"k": "ö\U0001f680"}}
    node.register("kinds", "persistent", **fields)
    node.register("kinds", "ttl", ttl_ms=60_000, **fields)
    node.register("kinds", "session", session=session, **fields)
    node.register("kinds", "elsewhere", namespace="blue", **fields)
    before, blue = node.get("kinds"), node.get("kinds", namespace="blue")
    version = node.register("kinds", "persistent", **fields).json["version"]
    node.restart()
    assert check_snapshot(node.get("kinds"))["instances"] == before["instances"]
    assert node.get("kinds", namespace="blue")["digest"] == blue["digest"]
    later = node.register("kinds", "persistent", zone="b").json["version"]
    assert later > version, "versions grow across restarts"
    listed = node.call("GET", "/v1/services").json["services"]
    assert [(entry["service"], entry["instances"]) for entry in listed] == [("kinds", 3)]


def test_sessions_stay_valid_and_leases_restart_in_full(make_node):
    node = make_node("--probe-rounds", "0").start()
    session = node.open_session(ttl_ms=4000)
    node.register("leases", "by-session", session=session)
    node.register("leases", "by-ttl", ttl_ms=4000)
    time.sleep(3)  # most of both leases
    node.kill()
    began = time.monotonic()
    node.start()
    lists = Lists()
    with node.watch("leases").open() as watch:
        first = lists.take(watch.expect("snapshot"))
        assert len(first.data["instances"]) == 2
        lists.follow(watch, lambda held: held["leases"].instances.keys() != {"by-session", "by-ttl"})
        assert time.monotonic() - began >= 3.95, "a lease ended before a full TTL after the restart"
        lists.follow(watch, lambda held: not held["leases"].instances)
    assert node.get("leases")["empty"]["causes"] == {"session_expired": 2}


def test_a_session_is_used_on_after_a_restart(make_node):
    node = make_node().start()
    session = node.open_session(ttl_ms=30_000, client="orders@host-7")
    closed = node.open_session()
    node.call("DELETE", f"/v1/sessions/{closed}")
    node.register("kept", "o-1", session=session)
    node.restart()
    assert node.call("PUT", f"/v1/sessions/{session}/heartbeat").json["ttl_ms"] == 30_000
    assert node.register("kept", "o-2", session=session).status == 201
    assert node.register("kept", "o-1", session=session).json["result"] == "unchanged"
    resumed = node.call("POST", "/v1/sessions", {"resume": session})
    assert resumed.status == 200 and resumed.json["session"] == session
    assert_problem(node.call("PUT", f"/v1/sessions/{closed}/heartbeat"), 404, "not_found")
    assert node.call("DELETE", f"/v1/sessions/{session}").json == {"instances": 2}
    node.restart()
    assert node.get("kept")["empty"]["causes"] == {"session_closed": 2}


@pytest.fixture
def watched_restart(make_node):
    """A watch of three services that was cut by kill -9, and the node running anew."""
    node = make_node().start()
    node.batch([registration(s, f"o-{i}") for s in ("a", "b") for i in range(50)])
    lists = Lists()
    watch = node.watch("a", "b", "c").open()
    lists.follow(watch, lambda held: held.last_id is not None and len(held.services) == 3)
    node.register("a", "o-50")
    lists.follow(watch, lambda held: len(held["a"].instances) == 51)
    node.kill()
    with pytest.raises((StreamEnded, OSError)):
        while True:
            lists.take(watch.event())
    watch.close()
    return node.start(), lists


def test_an_id_of_the_old_boot_gives_snapshots(watched_restart):
    node, lists = watched_restart
    node.register("b", "o-new")
    old = {s: lists[s].digest for s in "abc"}
    with node.watch("a", "b", "c", last_event_id=lists.last_id).open() as watch:
        fresh = Lists()
        events = fresh.follow(watch, lambda held: held.last_id is not None
                              and len(held.services) == 3)
        assert {event.kind for event in events} == {"snapshot"}
        assert fresh.last_id.split("-")[0] != lists.last_id.split("-")[0], "a new boot id"
    assert fresh["a"].digest == old["a"] and fresh["c"].digest == EMPTY_DIGEST
    assert fresh["b"].digest == node.get("b")["digest"] != old["b"]


def test_equal_digests_need_nothing_after_a_restart(watched_restart):
    node, lists = watched_restart
    with node.resume({s: lists[s].digest for s in "abc"}).open() as watch:
        assert watch.event().kind == "alive"
        node.register("a", "o-51")
        lists.follow(watch, lambda held: len(held["a"].instances) == 52)


def test_a_different_digest_gives_a_snapshot_of_that_service(watched_restart):
    node, lists = watched_restart
    node.deregister("b", "o-1")
    with node.resume({s: lists[s].digest for s in "abc"}).open() as watch:
        [event] = lists.follow_to(watch, "b", node.get("b")["digest"])
        assert event.kind == "snapshot" and event.data["service"] == "b"


def test_a_torn_tail_is_cut_with_a_log_line(make_node):
    """Bytes of a record that was never finished, as a power cut leaves them."""
    node = make_node().start()
    node.batch([registration("torn", f"o-{i}") for i in range(100)])
    digest = node.get("torn")["digest"]
    node.kill()
    newest = max(node.data.rglob("segment-*.cbk"))  # NODE may be as new, by the kernel's clock
    with newest.open("ab") as file:
        file.write(b"\x21\x43\x65\x07")
    node.start()
    assert check_snapshot(node.get("torn"))["digest"] == digest
    until(lambda: newest.name.encode() in node.log, what="a log line that names the file")


def test_a_flipped_bit_is_refused_and_salvaged(make_node):
    node = make_node().start()
    for i in range(50):
        node.register("flipped", f"o-{i:02}", ack="logged", metadata={"n": "x" * 100})
    node.stop()
    largest = max((p for p in node.data.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(largest.read_bytes())
    at = content.index(b"o-25")
    content[at] ^= 1
    largest.write_bytes(content)
    node.spawn()
    assert node.process.wait(30) != 0
    node._end(5)
    log = node.log.decode()
    assert largest.name in log and "offset" in log and "--salvage" in log, log
    node.flags.append("--salvage")
    node.start()
    ids = {i["id"] for i in check_snapshot(node.get("flipped"))["instances"]}
    assert ids == {f"o-{i:02}" for i in range(50) if i != 25}
    node.flags.remove("--salvage")
    node.restart()
    assert len(check_snapshot(node.get("flipped"))["instances"]) == 49


def test_digest_of_an_empty_list():
    assert digest_of([]) == EMPTY_DIGEST
