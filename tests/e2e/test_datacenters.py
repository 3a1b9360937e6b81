"""Data centers that follow each other: shown apart, read-only, and old rather than empty."""

import os
import signal
import socket
import subprocess

import pytest

from cluster import Cluster, Consumer, Link, until_listed
from lists import EMPTY_DIGEST, Lists
from registry import assert_problem, binary, path_of, registration, until


def follow(datacenter, *nodes):
    return ("--follow", f"{datacenter}=" + ",".join(f"127.0.0.1:{node.port}" for node in nodes))


def shows(node, service, ids, dc="dc2"):
    answer = node.call("GET", path_of(service, dc=dc))
    return answer.status == 200 and {i["id"] for i in answer.json["instances"]} == set(ids)


def until_shown(node, service, ids, seconds=20):
    until(lambda: shows(node, service, ids), seconds, f"{sorted(ids)} of dc2 at {node.name}")


def state_of(node, dc="dc2"):
    (one,) = [d for d in node.call("GET", "/v1/nodes").json["datacenters"] if d["dc"] == dc]
    return one


def until_from(node, source):
    """`node` says that it follows dc2 from `source`."""
    until(lambda: (state_of(node)["source"], state_of(node)["state"])
          == (f"127.0.0.1:{source.port}", "live"), 10, f"following {source.name}")


@pytest.fixture
def two(make_node):
    """A node of dc2, and one of dc1 that follows it."""
    there = make_node("--datacenter", "dc2", "--io-threads", "2", name="there").start()
    here = make_node("--datacenter", "dc1", "--io-threads", "2", *follow("dc2", there),
                     name="here").start()
    until(lambda: state_of(here)["state"] == "live", 10, "dc2")
    return here, there


def test_another_data_center_is_shown_as_it_shows_itself(two):
    here, there = two
    here.register("orders", "own")
    session = there.call("POST", "/v1/sessions", {"ttl_ms": 60000}).json["session"]
    changes = [
        lambda: there.register("orders", "o-1", metadata={"k": "v"}, zone="z"),
        lambda: there.register("orders", "o-2", session=session, weight=7),
        lambda: there.register("orders", "o-3", ttl_ms=60000),
        lambda: there.call("PUT", path_of("orders", "o-1") + "/override",
                           {"state": "out_of_service", "by": "alice", "reason": "disk"}),
        lambda: there.deregister("orders", "o-3", drain="1h"),
        lambda: there.register("orders", "o-2", session=session, weight=9),
        lambda: there.deregister("orders", "o-3"),
        lambda: there.call("DELETE", path_of("orders", "o-1") + "/override?by=alice"),
        lambda: there.call("DELETE", f"/v1/sessions/{session}"),
    ]
    for number, change in enumerate(changes):
        assert change().status in (200, 201), number
        digest = there.get("orders")["digest"]
        until(lambda: here.get("orders", dc="dc2")["digest"] == digest, 10, f"change {number}")
        assert here.get("orders", dc="dc2")["instances"] == there.get("orders")["instances"]
    assert shows(here, "orders", {"o-1"})
    assert {i["id"] for i in here.get("orders")["instances"]} == {"own"}
    assert here.get("orders", dc="dc1") == here.get("orders")
    assert there.get("orders")["instances"] == here.get("orders", dc="dc2")["instances"]
    shown = here.call("GET", "/v1/services?dc=dc2").json
    assert [(s["service"], s["instances"]) for s in shown["services"]] == [("orders", 1)]
    assert here.call("GET", path_of("orders", "o-1", dc="dc2")).json["dc"] == "dc2"
    gone = there.deregister("orders", "o-1")
    assert gone.status == 200
    until_shown(here, "orders", set())
    assert here.get("orders", dc="dc2")["empty"] == there.get("orders")["empty"]
    until(lambda: here.metrics()["callbook_instances"] == 1, 5, "the own one alone in the count")


def test_its_consumers_are_sent_increments_and_resume(two):
    here, there = two
    there.batch([registration("large", f"l-{i:03}") for i in range(300)])
    until(lambda: len(here.get("large", dc="dc2")["instances"]) == 300, 10, "dc2's instances")
    lists = Lists()
    with here.stream("/v1/watch?service=large&dc=dc2").open() as stream:
        event = stream.expect("dc")
        assert event.data["dc"] == "dc2" and event.data["stale"] is False
        lists.follow(stream, lambda l: l["large"].whole)
        there.deregister("large", "l-007")
        lists.follow(stream, lambda l: "l-007" not in l["large"].instances, 10)
        assert lists.causes == [("large", "l-007", "deregistered")]
        last_id = lists.last_id
    there.deregister("large", "l-008")
    until(lambda: len(here.get("large", dc="dc2")["instances"]) == 298, 10, "the change")
    resumed = here.stream("/v1/watch?service=large&dc=dc2", headers={"Last-Event-ID": last_id})
    with resumed.open() as stream:
        stream.expect("dc")
        assert stream.expect("delta").data["gone"] == {"l-008": "deregistered"}
    # An id of another catalog is none: versions of two data centers are not to be compared.
    with here.stream("/v1/watch?service=large", headers={"Last-Event-ID": last_id}).open() as own:
        assert own.expect("snapshot").data["digest"] == EMPTY_DIGEST
    digest = here.get("large", dc="dc2")["digest"]
    body = {"services": [{"service": "large", "digest": digest}]}
    with here.stream("/v1/watch?dc=dc2", "POST", body).open() as stream:
        stream.expect("dc")
        stream.expect("alive")
    there.deregister("large", "l-009")
    polled = here.get("large", dc="dc2", wait="10s", digest=digest)
    assert len(polled["instances"]) == 297 and polled["dc"] == "dc2"


def test_it_is_read_only_and_must_be_followed(two):
    here, _ = two
    body = {"address": "10.0.0.1", "port": 1, "persistent": True}
    for method, path, sent in (("PUT", path_of("orders", "o-1"), body),
                               ("DELETE", path_of("orders", "o-1"), None),
                               ("PUT", path_of("orders", "o-1") + "/override", {"by": "a"}),
                               ("POST", "/v1/sessions", {}), ("POST", "/v1/batch", b"")):
        assert_problem(here.call(method, path + "?dc=dc2", sent), 400, "invalid", "dc")
    assert here.call("PUT", path_of("orders", "o-1", dc="dc1"), body).status == 201
    for path in (path_of("orders", dc="dc9"), "/v1/services?dc=dc9", "/v1/watch?service=a&dc=dc9"):
        answer = here.call("GET", path)
        assert_problem(answer, 404, "not_found", "dc")
        assert "dc2" in answer.json["detail"]
    assert_problem(here.call("GET", path_of("orders", dc="dc2", failover="true")), 400, "invalid",
                   "failover")
    assert_problem(here.call("GET", path_of("orders", failover="yes")), 400, "invalid", "failover")


def test_one_that_was_never_reached_is_not_shown_as_empty(make_node):
    there = make_node("--datacenter", "dc2").start()
    there.register("orders", "o-1")
    there.kill()
    here = make_node(*follow("dc2", there)).start()  # serves its own all the same
    for path in (path_of("orders", dc="dc2"), "/v1/watch?service=orders&dc=dc2"):
        assert_problem(here.call("GET", path), 503, "not_ready", "dc")
    assert state_of(here)["state"] == "unreached" and state_of(here)["silent_ms"] == -1
    there.start()
    until(lambda: state_of(here)["state"] == "live", 15, "dc2")
    assert shows(here, "orders", {"o-1"})


def test_its_loss_is_seen_as_age_and_not_as_emptiness(two):
    here, there = two
    there.register("orders", "kept")
    session = there.call("POST", "/v1/sessions", {"ttl_ms": 6000}).json["session"]
    there.register("orders", "tied", session=session)
    until_shown(here, "orders", {"kept", "tied"})
    lists = Lists()
    with here.stream("/v1/watch?service=orders&dc=dc2").open() as stream:
        lists.follow(stream, lambda l: l["orders"].whole and l.stale is False)
        there.kill()
        event = stream.expect("dc", seconds=15)  # and nothing before it
        assert event.data["stale"] is True and event.data["silent_ms"] > 5000
        until(lambda: state_of(here)["state"] == "stale", 5, "the node's own word")
        metrics = here.metrics()
        assert metrics['callbook_followed_stale{datacenter="dc2"}'] == 1
        assert metrics['callbook_followed_instances{datacenter="dc2"}'] == 2
        answer = here.get("orders", dc="dc2")
        assert answer["stale"] is True and len(answer["instances"]) == 2
        told = subprocess.run([binary(), "get", "orders", "--dc", "dc2", "--registry",
                               f"127.0.0.1:{here.port}"], capture_output=True, text=True)
        assert told.returncode == 0 and "tied" in told.stdout
        assert "dc2 has not been heard for" in told.stderr
        there.start()
        assert there.deregister("orders", "kept").status == 200
        lists.follow(stream, lambda l: l.stale is False and "kept" not in l["orders"].instances)
        assert lists.causes == [("orders", "kept", "deregistered")]


def test_one_that_comes_back_anew_is_believed(make_node, tmp_path):
    """A data center may be made anew: its old instances must not be shown for ever, and what it
    registers under the same ids must be."""
    there = make_node("--datacenter", "dc2", "--probe-rounds", "0").start()
    here = make_node(*follow("dc2", there)).start()
    for _ in range(3):  # each time under the next epoch
        for name in ("t-1", "t-2"):
            there.register("orders", name, ttl_ms=1000)
        until(lambda: there.get("orders")["instances"] == [], 10, "their end")
    there.register("orders", "t-2", ttl_ms=60000)
    there.register("orders", "old")
    until_shown(here, "orders", {"t-2", "old"})
    there.kill()
    there.data = tmp_path / "anew"
    there.start()
    there.register("orders", "t-1", ttl_ms=60000)
    there.register("orders", "t-2", ttl_ms=1000)
    until_shown(here, "orders", {"t-1"})
    assert here.get("orders", dc="dc2")["digest"] == there.get("orders")["digest"]


def test_watchers_are_told_that_everything_has_gone(two, tmp_path):
    here, there = two
    there.register("orders", "old")
    until_shown(here, "orders", {"old"})
    lists = Lists()
    with here.stream("/v1/watch?service=orders&dc=dc2").open() as stream:
        lists.follow(stream, lambda l: l["orders"].whole)
        there.kill()
        there.data = tmp_path / "anew"
        there.start()
        lists.follow(stream, lambda l: not l["orders"].instances)
        there.register("orders", "new")
        lists.follow(stream, lambda l: set(l["orders"].instances) == {"new"})


def test_the_first_data_center_with_somebody_to_call(make_node):
    second = make_node("--datacenter", "dc2").start()
    third = make_node("--datacenter", "dc3").start()
    config = second.data.parent / "callbook.toml"
    config.write_text('failover = "dc2,dc3"\n[service.stock]\nfailover = "dc3,dc2"\n')
    here = make_node("--config", str(config), "--follow",
                     f"dc2=127.0.0.1:{second.port},dc3=127.0.0.1:{third.port}").start()

    def chosen(service):
        answer = here.get(service, failover="true")
        return answer.get("dc", "dc1"), [i["id"] for i in answer["instances"]]

    assert chosen("orders") == ("dc1", [])
    for service in ("orders", "stock"):
        for node in (second, third):
            node.register(service, f"of-{node.port}")
    until(lambda: shows(here, "stock", {f"of-{second.port}"})
          and shows(here, "stock", {f"of-{third.port}"}, "dc3"), 10, "both")
    assert chosen("orders") == ("dc2", [f"of-{second.port}"])
    assert chosen("stock") == ("dc3", [f"of-{third.port}"])
    second.call("PUT", path_of("orders", f"of-{second.port}") + "/override",
                {"state": "out_of_service", "by": "alice", "reason": "move"})
    until(lambda: chosen("orders") == ("dc3", [f"of-{third.port}"]), 10, "the next")
    told = subprocess.run([binary(), "get", "orders", "--failover", "--registry",
                           f"127.0.0.1:{here.port}"], capture_output=True, text=True)
    assert told.returncode == 0 and "these are of dc3" in told.stderr
    second.register("orders", "zoned", zone="z")
    until(lambda: shows(here, "orders", {f"of-{second.port}", "zoned"}), 10, "the zone")
    assert here.get("orders", failover="true", zone="z")["dc"] == "dc2"
    second.call("DELETE", path_of("orders", f"of-{second.port}") + "/override?by=alice")
    until(lambda: chosen("orders")[0] == "dc2", 10, "the first again")
    second.kill()
    until(lambda: chosen("orders")[0] == "dc3", 15, "one that is not stale")
    third.kill()
    until(lambda: chosen("orders")[0] == "dc2", 15, "the first, with all of them stale")
    assert_problem(here.call("GET", path_of("orders", dc="dc1", failover="true")), 400, "invalid",
                   "failover")
    here.register("orders", "own")
    assert chosen("orders") == ("dc1", ["own"])


def test_a_node_of_another_data_center_than_named_is_not_believed(make_node):
    there = make_node("--datacenter", "dc3").start()
    there.register("orders", "o-1")
    here = make_node(*follow("dc2", there)).start()
    until(lambda: b"is of data center 'dc3', not of dc2" in here.log, 10, "a word about it")
    assert_problem(here.call("GET", path_of("orders", dc="dc2")), 503, "not_ready", "dc")


def test_who_follows_too_slowly_begins_again(two):
    here, there = two
    fill = {f"m{i}": "x" * 1000 for i in range(8)}
    os.kill(here.pid, signal.SIGSTOP)
    for part in range(12):
        there.batch([registration("large", f"l-{part:02}-{i:04}", metadata=fill)
                     for i in range(1000)])
    os.kill(here.pid, signal.SIGCONT)
    digest = there.get("large")["digest"]
    until(lambda: here.get("large", dc="dc2")["digest"] == digest, 60, "all of it")
    # The figures are brought up to date twice a second.
    until(lambda: here.metrics()['callbook_followed_snapshots_total{datacenter="dc2"}'] >= 2, 5,
          "its second snapshot in the figures")


def rss_bytes(node):
    with open(f"/proc/{node.pid}/status") as status:
        (line,) = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def test_who_follows_and_never_reads_costs_no_memory_for_long(make_node):
    there = make_node("--datacenter", "dc2", "--dev").start()
    fill = {f"m{i}": "x" * 1000 for i in range(8)}

    def change_all(revision):
        there.batch([registration("large", f"l-{i:04}", metadata=fill, port=revision)
                     for i in range(1000)])

    change_all(1)
    stuck = [socket.create_connection(("127.0.0.1", there.port)) for _ in range(2)]
    for one in stuck:
        one.sendall(b"GET /v1/peer/snapshot?follow=true HTTP/1.1\r\nHost: a\r\n\r\n")
    change_all(2)
    before = rss_bytes(there)
    for revision in range(3, 20):
        change_all(revision)
    until(lambda: rss_bytes(there) < before + (40 << 20), 5, "what was kept for them to be gone")
    for one in stuck:
        one.close()


def test_so_many_may_follow_and_no_more(make_node):
    there = make_node("--datacenter", "dc2", "--io-threads", "1").start()
    there.register("orders", "o-1")
    followers = []
    for number in range(101):
        one = socket.create_connection(("127.0.0.1", there.port), timeout=10)
        one.sendall(b"GET /v1/peer/snapshot?follow=true HTTP/1.1\r\nHost: a\r\n\r\n")
        status = one.recv(12)
        followers.append(one)
        assert status == (b"HTTP/1.1 200" if number < 100 else b"HTTP/1.1 503"), number
    for one in followers:
        one.close()
    here = make_node(*follow("dc2", there)).start()
    until_shown(here, "orders", {"o-1"})


def test_a_slow_way_is_slow_and_no_more(make_node):
    there = make_node("--datacenter", "dc2").start()
    fill = {f"m{i}": "x" * 1000 for i in range(8)}
    there.batch([registration("large", f"l-{i:04}", metadata=fill) for i in range(600)])
    link = Link(there.port, bytes_a_second=700_000)
    try:
        here = make_node("--follow", f"dc2=127.0.0.1:{link.port}").start()
        until(lambda: state_of(here)["state"] == "live", 30, "dc2")
        assert len(here.get("large", dc="dc2")["instances"]) == 600
        until(lambda: state_of(here)["instances"] == 600, 5, "its own word")
        assert here.metrics()['callbook_followed_snapshots_total{datacenter="dc2"}'] == 1
        there.batch([registration("large", f"l-{i:04}", metadata=fill, port=9) for i in range(600)])
        digest = there.get("large")["digest"]
        until(lambda: here.get("large", dc="dc2")["digest"] == digest, 30, "all changes at once")
        assert here.metrics()['callbook_followed_snapshots_total{datacenter="dc2"}'] == 1
    finally:
        link.close()


@pytest.fixture
def clusters(tmp_path):
    """Two nodes of dc2 over a bus, and one of dc1 that stands alone and follows both."""
    there = Cluster(tmp_path / "there", nodes=2, flags=("--datacenter", "dc2")).start()
    yield there
    there.close()


def test_the_next_node_is_followed_when_one_is_lost(clusters, make_node):
    first, second = clusters.nodes
    here = make_node(*follow("dc2", first, second)).start()
    until(lambda: state_of(here)["state"] == "live", 10, "dc2")
    with Consumer(here, "own") as own:
        for number, (lost, end) in enumerate((
                (first, first.kill), (second, lambda: os.kill(second.pid, signal.SIGSTOP)))):
            until_from(here, lost)
            end()
            staying = clusters.nodes[1 - number]
            staying.register("orders", f"o-{number}")
            until(lambda: f"o-{number}" in
                  {i["id"] for i in here.get("orders", dc="dc2")["instances"]}, 20, "the change")
            until_from(here, staying)
            if number == 0:
                first.start()
                clusters.settle()
        os.kill(second.pid, signal.SIGCONT)
        own.hears_nothing_for(0.5)


def test_a_cluster_without_its_bus_is_shown_as_old(clusters, make_node):
    clusters.nodes[0].register("orders", "o-1")
    until_listed(clusters.nodes[1], "orders", {"o-1"})
    clusters.bus.close()
    until(lambda: all(node.metrics()["callbook_bus_connected"] == 0 for node in clusters.nodes), 30,
          "the loss of the bus")
    here = make_node(*follow("dc2", *clusters.nodes)).start()
    until_shown(here, "orders", {"o-1"})
    answer = here.get("orders", dc="dc2")
    assert (answer["stale"], answer["silent_ms"]) == (True, -1)
    clusters.bus.start()
    until(lambda: here.get("orders", dc="dc2")["stale"] is False, 40, "the bus again")


def test_a_node_that_has_lost_its_bus_is_left(tmp_path, make_node):
    cluster = Cluster(tmp_path / "there", nodes=1, flags=("--datacenter", "dc2"))
    cluster.bus.start()
    link = Link(cluster.bus.servers[0].port)
    try:
        cut_off = cluster.make(7, bus=f"nats://127.0.0.1:{link.port}").start()
        cluster.nodes[0].start()
        cluster.nodes.append(cut_off)
        cluster.settle()
        here = make_node(*follow("dc2", cut_off, cluster.nodes[0])).start()
        until_from(here, cut_off)
        link.cut()
        cluster.nodes[0].register("orders", "o-1")
        until_shown(here, "orders", {"o-1"}, 40)
        until_from(here, cluster.nodes[0])
    finally:
        link.close()
        cluster.close()


def test_two_data_centers_may_follow_each_other(make_node):
    first = make_node("--datacenter", "dc1", name="n-1").start()
    second = make_node("--datacenter", "dc2", *follow("dc1", first), name="n-2").start()
    first.stop()
    first.flags += follow("dc2", second)
    first.start()
    first.register("orders", "of-1")
    second.register("orders", "of-2")
    until(lambda: shows(first, "orders", {"of-2"}) and shows(second, "orders", {"of-1"}, "dc1"),
          15, "each other")
    until_listed(first, "orders", {"of-1"})
    until_listed(second, "orders", {"of-2"})
