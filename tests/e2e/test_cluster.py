"""Three registry nodes over a NATS server: one registry, whichever is asked."""

import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from cluster import Cluster, Consumer, until_listed
from registry import assert_problem, binary, free_port, registration, until

# Fast enough for a test, with the order of the defaults.
FAST = ("--refused-removal-ms", "1000", "--silent-removal-ms", "3000", "--probe-interval-ms", "200",
        "--probe-timeout-ms", "200", "--min-ttl-ms", "500", "--lost-after-ms", "2000",
        "--takeover-grace-ms", "2000")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For tests that leave it as it was."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster")).start()
    yield cluster
    cluster.close()


class Provider:
    """A session with one instance, behind a port that answers."""

    def __init__(self, node, service, name):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        opened = node.call("POST", "/v1/sessions", {"ttl_ms": 3000}).json
        self.session, self.epoch = opened["session"], opened["epoch"]
        self.nodes = opened["nodes"]
        answer = node.register(service, name, session=self.session, address="127.0.0.1",
                               port=self.listener.getsockname()[1])
        assert answer.status == 201, answer
        self.attach(node)

    def attach(self, node):
        self.stream = node.stream(
            f"/v1/sessions/{self.session}/attach?epoch={self.epoch}").open()
        self.epoch = self.stream.expect("attached").data["epoch"]

    def close(self):
        self.listener.close()
        self.stream.close()


def test_a_change_at_any_node_reaches_the_consumers_of_all(shared):
    with Consumer(shared.nodes[0], "spread") as a, Consumer(shared.nodes[1], "spread") as b, \
            Consumer(shared.nodes[2], "spread") as c:
        for number, node in enumerate(shared.nodes):
            assert node.register("spread", f"i-{number}", weight=number + 1).status == 201
            for consumer in (a, b, c):
                consumer.follow(lambda lists: f"i-{number}" in lists["spread"].instances)
        assert shared.nodes[2].deregister("spread", "i-0").status == 200
        for consumer in (a, b, c):
            consumer.follow(lambda lists: "i-0" not in lists["spread"].instances)
            assert consumer.lists.causes == [("spread", "i-0", "deregistered")]
            assert consumer.lists["spread"].digest == a.lists["spread"].digest
    shared.settle()


def test_an_override_at_one_node_is_in_force_at_all(shared):
    shared.nodes[0].register("moved", "m-1")
    until_listed(shared.nodes[2], "moved", {"m-1"})
    answer = shared.nodes[2].call("PUT", "/v1/services/moved/instances/m-1/override",
                                  {"state": "out_of_service", "by": "alice", "reason": "disk"})
    assert answer.status == 200, answer
    for node in shared.nodes:
        until(lambda: node.get("moved")["instances"][0].get("state") == "out_of_service",
              what=f"the override at {node.name}")
    shared.settle()


def test_an_id_that_another_node_hears_is_not_given_away_without_insisting(shared):
    home, other, _ = shared.nodes
    provider = Provider(home, "claimed", "c-1")
    port = provider.listener.getsockname()[1]
    until_listed(other, "claimed", {"c-1"})

    def port_at(node):
        return node.get("claimed")["instances"][0]["port"]

    claim = {"address": "127.0.0.1", "port": 81, "persistent": True}
    path = "/v1/services/claimed/instances/c-1"
    # The other node cannot know whether the holder is heard, and lists the claim at once.
    assert other.call("PUT", path, claim).status == 200
    until(lambda: port_at(other) == port, what="the home's objection")
    shared.settle()
    assert {port_at(node) for node in shared.nodes} == {port}
    assert other.call("PUT", path + "?take_over=true", claim).status == 200
    until(lambda: all(port_at(node) == 81 for node in shared.nodes), what="the claim that insists")
    shared.settle()
    assert {port_at(node) for node in shared.nodes} == {81}
    provider.close()


def test_logged_means_that_the_bus_has_it(shared):
    before = shared.nodes[1].metrics()["callbook_bus_acknowledged_total"]
    assert shared.nodes[1].register("logged", "l-1", ack="logged").status == 201
    assert shared.nodes[1].metrics()["callbook_bus_acknowledged_total"] > before


def test_seen_means_by_the_watchers_of_all_nodes(shared):
    """One that reads nothing, at another node than the one that is asked, is waited for."""
    asked, other, _ = shared.nodes
    fill = {f"m{i}": "x" * 1000 for i in range(8)}
    asked.batch([registration("seen", f"s-{i:04}", metadata=fill) for i in range(1500)])
    shared.settle()
    consumers = [Consumer(node, "seen") for node in shared.nodes]
    stalled = other.stream("/v1/watch?service=seen", rcvbuf=4096).open()
    stalled.event()  # and reads no further: 12 MB do not fit between the two
    began = time.monotonic()
    answer = asked.deregister("seen", "s-0000", drain="2s", until="seen")
    assert time.monotonic() - began > 1.9
    assert (answer.json["seen"], answer.json["unseen"]) == (False, 1), answer
    stalled.close()
    for number, how in ((1, {"drain": "20s"}), (2, {})):
        answer = asked.deregister("seen", f"s-{number:04}", until="seen", **how)
        assert answer.json["seen"] is True and answer.json["unseen"] == 0, answer
        assert "unreached" not in answer.json
        for consumer in consumers:  # it has been sent
            name = f"s-{number:04}"
            consumer.follow(lambda lists: lists["seen"].instances[name].get("state") == "draining"
                            if how else name not in lists["seen"].instances, 5)
    for consumer in consumers:
        consumer.close()


def test_a_node_that_cannot_be_asked_is_said_to_be_unreached(make_cluster):
    cluster = make_cluster(nodes=2).start()
    asked, paused = cluster.nodes
    asked.register("seen", "s-1")
    until_listed(paused, "seen", {"s-1"})
    os.kill(paused.pid, signal.SIGSTOP)
    answer = asked.deregister("seen", "s-1", drain="1s", until="seen")
    os.kill(paused.pid, signal.SIGCONT)
    assert answer.json["seen"] is False, answer
    assert (answer.json["unseen"], answer.json["unreached"]) == (0, 1)


def test_nodes_know_each_other(shared):
    shared.settle()
    answer = shared.nodes[0].call("GET", "/v1/nodes").json
    assert answer["bus"] == {"state": "connected"}
    assert {n["node"]: n["self"] for n in answer["nodes"]} == \
        {"node-0": True, "node-1": False, "node-2": False}
    for node in shared.nodes:
        (entry,) = [n for n in answer["nodes"] if n["node"] == node.name]
        assert entry["http"] == f"127.0.0.1:{node.port}" and entry["state"] == "serving"
        assert abs(entry["clock_ahead_ms"]) < 1000
    table = subprocess.run(
        [binary(), "nodes", "--registry", f"127.0.0.1:{shared.nodes[1].port}"],
        capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in table.splitlines()] == \
        ["NODE", "node-1", "node-0", "node-2", "bus:"]
    metrics = shared.nodes[2].metrics()
    assert metrics["callbook_bus_connected"] == 1 and metrics["callbook_peers_heard"] == 2


def test_clients_are_told_where_else_to_turn(shared):
    addresses = {f"127.0.0.1:{node.port}" for node in shared.nodes}
    opened = shared.nodes[0].call("POST", "/v1/sessions", {}).json
    assert opened["nodes"][0] == f"127.0.0.1:{shared.nodes[0].port}"
    assert set(opened["nodes"]) == addresses
    with shared.nodes[1].watch("anything").open() as watch:
        told = watch.expect("nodes").data["nodes"]
    assert set(told) == addresses - {f"127.0.0.1:{shared.nodes[1].port}"}


def test_a_stamp_orders_what_one_client_says_to_two_nodes(shared):
    answer = shared.nodes[0].register("stamped", "s-1")
    token = answer.headers["Callbook-Stamp"]
    later = shared.nodes[1].call("DELETE", "/v1/services/stamped/instances/s-1",
                                 headers={"Callbook-Stamp": token})
    assert later.headers["Callbook-Stamp"] > token
    for node in shared.nodes:
        until_listed(node, "stamped", set())
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert_problem(shared.nodes[0].call("PUT", "/v1/services/stamped/instances/s-2",
                                        {"address": "10.0.0.1", "port": 1, "persistent": True},
                                        {"Callbook-Stamp": forged}),
                   400, "invalid", "Callbook-Stamp")


def test_other_nodes_only_are_answered_on_their_paths(shared):
    node = shared.nodes[0]
    assert node.call("POST", "/v1/peer/beat", b"nonsense").status == 400
    assert node.call("GET", "/v1/peer/beat").status == 405
    assert node.call("GET", "/v1/peer/other").status == 404


def test_a_node_that_is_added_has_everything_before_it_serves(make_cluster):
    cluster = make_cluster(nodes=2).start()
    for i in range(300):
        cluster.nodes[i % 2].register(f"many-{i % 7}", f"i-{i}")
    cluster.settle()
    added = cluster.make(2).start()
    cluster.nodes.append(added)
    assert sum(len(added.get(f"many-{s}")["instances"]) for s in range(7)) == 300
    assert added.metrics()["callbook_snapshots_taken_total"] == 1
    assert added.metrics()["callbook_replays_total"] == 0
    cluster.settle()


def test_a_provider_goes_on_at_another_node_and_nobody_notices(make_cluster):
    cluster = make_cluster(flags=FAST).start()
    first, second, third = cluster.nodes
    provider = Provider(first, "steady", "p-1")
    try:
        with Consumer(third, "steady") as consumer:
            consumer.follow(lambda lists: "p-1" in lists["steady"].instances)
            for node, next_one in ((first, second), (second, first)):
                node.kill()
                provider.attach(next_one)
                node.start()
                consumer.hears_nothing_for(5)  # longer than a lost node's sessions are left alone
                assert consumer.ids("steady") == {"p-1"}
            assert provider.epoch > 1
        cluster.settle()
    finally:
        provider.close()


def test_what_a_lost_node_leaves_behind_is_taken_over_and_judged(make_cluster):
    """A provider that dies together with its node, and one that only lost its node."""
    cluster = make_cluster(flags=FAST).start()
    first, second, third = cluster.nodes
    dead, alive = Provider(first, "left", "dead"), Provider(first, "left", "alive")
    try:
        with Consumer(third, "left") as consumer:
            consumer.follow(lambda lists: len(lists["left"].instances) == 2)
            first.kill()
            dead.close()
            consumer.follow(lambda lists: set(lists["left"].instances) == {"alive"}, 30)
            assert [(name, cause) for _, name, cause in consumer.lists.causes] == \
                [("dead", "probe_refused")]
            taken = sum(n.metrics()["callbook_taken_over_total"] for n in (second, third))
            assert taken == 2
    finally:
        alive.close()


def test_a_node_that_stops_sends_its_clients_on(make_cluster):
    cluster = make_cluster(nodes=2, flags=FAST).start()
    leaving, staying = cluster.nodes
    provider = Provider(leaving, "calm", "p-1")
    try:
        with leaving.watch("calm").open() as watch, Consumer(staying, "calm") as consumer:
            consumer.follow(lambda lists: "p-1" in lists["calm"].instances)
            assert leaving.stop() == 0
            there = [f"127.0.0.1:{staying.port}"]
            assert provider.stream.expect_end()[-1].data == {"nodes": there}
            last = watch.expect_end()[-1]
            assert last.kind == "leaving" and last.data == {"nodes": there}
            provider.attach(staying)
            consumer.hears_nothing_for(5)
    finally:
        provider.close()


def test_reports_at_any_node_have_the_home_probe(make_cluster):
    """Heartbeats come, but nobody is listening: consumers of other nodes find out."""
    cluster = make_cluster(flags=FAST).start()
    home, asked, watched = cluster.nodes
    provider = Provider(home, "deaf", "d-1")
    try:
        with Consumer(watched, "deaf") as consumer:
            consumer.follow(lambda lists: "d-1" in lists["deaf"].instances)
            until_listed(asked, "deaf", {"d-1"})
            provider.listener.close()
            for number in (1, 2, 2):  # one who says it twice is one
                answer = asked.call("POST", f"/v1/services/deaf/instances/d-1/report?by=c-{number}")
                assert answer.status == 200, answer
            assert watched.call("POST", "/v1/services/deaf/instances/d-1/report?by=c-1").status == 200
            consumer.hears_nothing_for(1.5)
            assert watched.call("POST", "/v1/services/deaf/instances/d-1/report?by=c-3").status == 200
            consumer.follow(lambda lists: lists["deaf"].instances["d-1"].get("state") == "down")
            assert consumer.lists.states[-1][2:] == ("down", "probe_refused")
            consumer.hears_nothing_for(3)  # reports alone remove nobody
    finally:
        provider.close()


def test_the_bus_away_is_nobodys_death(make_cluster):
    cluster = make_cluster(flags=FAST).start()
    first, second, _ = cluster.nodes
    provider = Provider(first, "patient", "p-1")
    try:
        for node in cluster.nodes:
            until_listed(node, "patient", {"p-1"})
        cluster.bus.servers[0].kill()
        until(lambda: first.call("GET", "/v1/nodes").json["bus"]["state"] == "away", what="the loss")
        assert first.register("patient", "local").status == 201
        assert_problem(first.register("patient", "unsafe", ack="logged"), 503,
                       "applied_not_logged", "ack")
        assert_problem(first.call("POST", "/v1/sessions?ack=logged", {}), 503,
                       "applied_not_logged", "ack")
        with Consumer(second, "patient") as consumer:
            consumer.follow(lambda lists: {"local", "unsafe"} <= set(lists["patient"].instances))
            consumer.hears_nothing_for(5)
            assert consumer.ids("patient") == {"p-1", "local", "unsafe"}  # told directly
            heard = second.call("GET", "/v1/nodes").json["nodes"]
            assert [n["state"] for n in heard] == ["serving"] * 3  # they speak directly
            assert second.metrics()["callbook_isolated"] == 0
            cluster.bus.servers[0].restart()
            until(lambda: first.call("GET", "/v1/nodes").json["bus"]["state"] == "connected",
                  what="the bus")
            assert consumer.ids("patient") == {"p-1", "local", "unsafe"}
        assert first.register("patient", "unsafe", ack="logged").status == 200
        cluster.settle(30)
    finally:
        provider.close()


def test_a_bus_that_lost_everything_is_told_again(make_cluster):
    cluster = make_cluster(flags=FAST).start()
    provider = Provider(cluster.nodes[0], "kept", "tied")
    try:
        cluster.nodes[1].register("kept", "lasting")
        with Consumer(cluster.nodes[2], "kept") as consumer:
            consumer.follow(lambda lists: len(lists["kept"].instances) == 2)
            cluster.bus.servers[0].restart(empty=True)
            until(lambda: all(n.metrics()["callbook_streams_reset_total"] > 0
                              for n in cluster.nodes), 30, "the reset")
            cluster.settle(30)
            consumer.hears_nothing_for(1)
        added = cluster.make(3).start()
        cluster.nodes.append(added)
        assert {i["id"] for i in added.get("kept")["instances"]} == {"tied", "lasting"}
    finally:
        provider.close()


def test_a_node_alone_with_its_disk_serves_what_it_has_and_removes_nothing(make_cluster):
    cluster = make_cluster(nodes=1, flags=FAST).start()
    node = cluster.nodes[0]
    provider = Provider(node, "old", "o-1")
    provider.close()
    until(lambda: node.metrics()["callbook_outbox"] == 0, what="the bus to have it")
    node.kill()
    cluster.bus.close()
    node.start()  # after a wait for the others
    assert node.call("GET", "/v1/status").json["state"] == "stale"
    with Consumer(node, "old") as consumer:
        assert consumer.ids("old") == {"o-1"}
        consumer.hears_nothing_for(5)
        assert node.register("old", "o-2").status == 201
        cluster.bus.start()
        consumer.follow(lambda lists: "o-1" not in lists["old"].instances, 60)
    until(lambda: node.call("GET", "/v1/status").json["state"] == "serving", what="service")


def test_why_the_bus_cannot_be_reached_is_said(make_cluster):
    cluster = make_cluster(nodes=1)  # whose bus is not there
    node = cluster.nodes[0]
    node.port = free_port()
    node.spawn()

    def bus():
        try:
            with socket.create_connection(("127.0.0.1", node.port), 1) as connection:
                connection.sendall(b"GET /v1/nodes HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                answer = connection.makefile("rb").read()
            return json.loads(answer.partition(b"\r\n\r\n")[2])["bus"]
        except OSError:
            return {}

    until(lambda: bus().get("detail"), 30, "the reason")
    assert bus()["state"] == "connecting"
    cluster.bus.start()
    node.wait_ready()
    until(lambda: bus() == {"state": "connected"}, 20, "the bus")


def test_a_node_without_the_bus_joins_by_those_it_is_told_of(make_cluster):
    cluster = make_cluster(nodes=2).start()
    first, second = cluster.nodes
    first.register("told", "t-1")
    until_listed(second, "told", {"t-1"})
    cluster.bus.close()
    added = cluster.make(2, "--peers", f"127.0.0.1:{first.port},127.0.0.1:{second.port}").start()
    cluster.nodes.append(added)
    assert {i["id"] for i in added.get("told")["instances"]} == {"t-1"}
    assert added.metrics()["callbook_snapshots_taken_total"] == 1


def test_nodes_of_another_cluster_are_strangers(make_cluster):
    cluster = make_cluster(nodes=1).start()
    node = cluster.nodes[0]
    node.register("ours", "o-1")
    stranger = cluster.make(5, "--cluster", "other", "--peers", f"127.0.0.1:{node.port}").start()
    cluster.nodes.append(stranger)
    assert stranger.get("ours")["instances"] == []
    until(lambda: b"is of cluster dc1/other, not of dc1/dc1" in node.log, 10, "a word about it")
    for one in (node, stranger):
        assert [n["node"] for n in one.call("GET", "/v1/nodes").json["nodes"]] == [one.name]


def test_a_provider_outlives_a_change_of_the_clusters_key(make_cluster, tmp_path):
    """The client's stamp is of the old key when its session goes on at a node with the new one."""
    for number in (1, 2):
        (tmp_path / f"key-{number}").write_text(f"a secret of the cluster {number}\n")
    cluster = make_cluster(nodes=0, flags=FAST)
    cluster.bus.start()
    cluster.nodes = [cluster.make(n, "--cluster-key-file", tmp_path / f"key-{n}").start()
                     for n in (1, 2)]
    first, second = cluster.nodes
    provider = subprocess.Popen(
        [binary(), "register", "keyed", "--id", "k-1", "--port", "0", "--address", "10.0.0.1",
         "--registry", f"127.0.0.1:{first.port},127.0.0.1:{second.port}"])
    try:
        for node in (first, second, first):
            until_listed(first, "keyed", {"k-1"})
            node.kill()
            node.start()
            until_listed(node, "keyed", {"k-1"})
        until(lambda: all(n.get("keyed")["instances"] and
                          n.get("keyed")["instances"][0].get("state", "up") == "up"
                          for n in cluster.nodes), what="the provider at both")
        assert provider.poll() is None
    finally:
        provider.kill()
        provider.wait()


def test_a_client_that_goes_while_its_stream_begins_takes_nobody_along(make_cluster):
    """It hangs up while core is still busy with what its stream needs first."""
    cluster = make_cluster(nodes=0)
    cluster.bus.start()
    # What is freed is overwritten, so that nobody reads it and gets away with it.
    node = cluster.make(0, "--io-threads", "2", env={"MALLOC_PERTURB_": "165"}).start()
    cluster.nodes.append(node)
    lines = [registration("load", f"l-{i}", metadata={"n": "x" * 100}) for i in range(5_000)]
    stop = threading.Event()

    def load():
        while not stop.is_set():
            node.batch(lines)
    thread = threading.Thread(target=load)
    thread.start()
    try:
        for number in range(150):
            path = ("/v1/peer/snapshot", "/v1/watch?service=load")[number % 2]
            with socket.create_connection(("127.0.0.1", node.port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: e2e\r\n\r\n".encode())
                time.sleep(0.004)
    finally:
        stop.set()
        thread.join()
    assert node.alive() and node.call("GET", "/healthz").status == 200


def test_streams_of_another_kind_are_refused_by_name(make_cluster):
    cluster = make_cluster(nodes=1)
    cluster.bus.start()
    other = cluster.make(7, "--bus-replicas", "1", "--cluster", "c-1").start()
    other.close()
    # The same streams, wanted otherwise.
    node = cluster.make(0, "--bus-replicas", "3", "--cluster", "c-1").spawn()
    cluster.nodes = [node]
    until(lambda: b"callbook-c-1-" in node.log and b"replicas" in node.log, 30, "a word about it")
