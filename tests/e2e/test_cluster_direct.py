"""The bus is away: what is changed at one node reaches the others directly, and nothing twice."""

import os
import signal
import subprocess
import time

import pytest

from cluster import Consumer, Link, until_listed
from registry import assert_problem, binary, clean_environment, registration, until
from test_cluster import FAST, Provider


def state_of(node, service, instance):
    found = [i for i in node.get(service)["instances"] if i["id"] == instance]
    return found[0].get("state", "up") if found else None


def isolate(node, service, instance):
    answer = node.call("PUT", f"/v1/services/{service}/instances/{instance}/override",
                       {"state": "out_of_service", "by": "alice", "reason": "disk"})
    assert answer.status == 200, answer


def bus_state(node):
    return node.call("GET", "/v1/nodes").json["bus"]["state"]


def lose_bus(cluster):
    for server in cluster.bus.servers:
        server.kill()
    for node in cluster.nodes:
        until(lambda: bus_state(node) == "away", 30, f"the loss of the bus at {node.name}")


def regain_bus(cluster):
    for server in cluster.bus.servers:
        server.start()
    cluster.settle(40)


def test_overrides_registrations_and_ends_reach_all_nodes_without_the_bus(make_cluster):
    cluster = make_cluster(flags=FAST).start()
    first, second, third = cluster.nodes
    provider = Provider(first, "app", "tied")
    try:
        first.register("app", "lasting")
        for node in cluster.nodes:
            until_listed(node, "app", {"tied", "lasting"})
        with Consumer(third, "app") as consumer:
            lose_bus(cluster)
            began = time.monotonic()
            isolate(second, "app", "lasting")
            consumer.follow(lambda lists:
                            lists["app"].instances["lasting"].get("state") == "out_of_service", 5)
            print(f"an override came after {time.monotonic() - began:.2f} s")
            assert second.register("app", "new").status == 201
            consumer.follow(lambda lists: "new" in lists["app"].instances, 5)
            answer = third.call("DELETE", "/v1/services/app/instances/lasting/override?by=bob")
            assert answer.status == 200, answer
            until(lambda: state_of(second, "app", "lasting") == "up", 5, "the end of the override")
            assert first.call("DELETE", f"/v1/sessions/{provider.session}").status == 200
            consumer.follow(lambda lists: "tied" not in lists["app"].instances, 5)
            until_listed(second, "app", {"lasting", "new"}, 5)
            consumer.hears_nothing_for(3)
            regain_bus(cluster)
            consumer.hears_nothing_for(2)  # what the bus brings is known
            assert consumer.ids("app") == {"lasting", "new"}
        told = sum(node.metrics()["callbook_told_directly_total"] for node in cluster.nodes)
        heard = sum(node.metrics()["callbook_heard_directly_total"] for node in cluster.nodes)
        assert told >= heard >= 8  # four changes, to two nodes each
    finally:
        provider.close()


def test_a_node_cut_off_from_the_bus_alone_is_heard_all_the_same(make_cluster):
    cluster = make_cluster(nodes=2, flags=FAST).start()
    link = Link(cluster.bus.servers[0].port)
    try:
        apart = cluster.make(2, bus=f"nats://127.0.0.1:{link.port}").start()
        cluster.nodes.append(apart)
        apart.register("app", "a-1")
        cluster.settle()
        link.cut()
        until(lambda: bus_state(apart) == "away", 30, "the loss of the bus")
        isolate(apart, "app", "a-1")
        for node in cluster.nodes:
            until(lambda: state_of(node, "app", "a-1") == "out_of_service", 5,
                  f"the override at {node.name}")
        # The others have the bus, and need not tell it.
        assert all(n.metrics()["callbook_told_directly_total"] == 0 for n in cluster.nodes[:2])
        link.heal()
        cluster.settle(40)
        assert {state_of(n, "app", "a-1") for n in cluster.nodes} == {"out_of_service"}
    finally:
        link.close()


def test_a_mass_of_changes_comes_in_batches(make_cluster):
    cluster = make_cluster(nodes=2, flags=FAST).start()
    first, second = cluster.nodes
    lose_bus(cluster)
    ids = [f"m-{i:05}" for i in range(5000)]
    first.batch([registration("mass", i, metadata={"n": "x" * 100}) for i in ids])
    began = time.monotonic()
    until(lambda: len(second.get("mass")["instances"]) == len(ids), 30, "all of them")
    print(f"{len(ids)} registrations came after {time.monotonic() - began:.1f} s")
    assert second.metrics()["callbook_heard_directly_total"] == len(ids)
    regain_bus(cluster)
    assert {i["id"] for i in second.get("mass")["instances"]} == set(ids)


@pytest.mark.parametrize("keeps_data", [True, False], ids=["with_data", "without"])
def test_one_that_starts_without_the_bus_learns_what_was_changed_without_it(make_cluster, keeps_data):
    cluster = make_cluster(nodes=2, flags=FAST).start()
    first, second = cluster.nodes
    second.flags += ["--peers", f"127.0.0.1:{first.port}"]
    first.register("app", "a-1")
    until_listed(second, "app", {"a-1"})
    second.kill()
    lose_bus(type("One", (), {"bus": cluster.bus, "nodes": [first]}))
    isolate(first, "app", "a-1")
    assert first.register("app", "a-2").status == 201
    if not keeps_data:
        second.data = cluster.folder / "anew"
    second.start()
    assert state_of(second, "app", "a-1") == "out_of_service"  # by its snapshot
    assert first.register("app", "a-3").status == 201
    until_listed(second, "app", {"a-1", "a-2", "a-3"}, 5)
    regain_bus(cluster)


def test_records_of_another_cluster_are_refused(make_cluster):
    """An address may have come to belong to a node of another cluster."""
    node = make_cluster(nodes=1).start().nodes[0]
    for cluster, status in (("dc1/other", 409), ("dc1/dc1", 200)):
        body = b"\x01" + bytes([len(cluster)]) + cluster.encode() + b"\x00"
        assert node.call("POST", "/v1/peer/records", body).status == status
    assert node.call("POST", "/v1/peer/records", b"\x01\x7fnonsense").status == 400
    assert node.call("GET", "/v1/peer/records").status == 405


def override(node, query="", **body):
    answer = node.call("PUT", "/v1/services/app/instances/a-1/override" + query,
                       {"by": "alice", **body})
    assert answer.status == 200, answer
    return answer.json


def cli(node, *arguments):
    done = subprocess.run([binary(), *arguments, "--registry", f"127.0.0.1:{node.port}"],
                          env=clean_environment({"USER": "e2e"}), capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_a_node_alone_has_no_other_that_has_not_heard(make_node):
    node = make_node().start()
    node.register("app", "a-1")
    said = override(node, "?until=heard", weight=7)
    assert (said["heard"], said["unheard"]) == (True, []) and "bus" not in said
    assert cli(node, "isolate", "app/a-1", "--by", "alice") == \
        (0, "app/a-1 is out of service, by alice\n")
    assert_problem(node.call("PUT", "/v1/services/app/instances/a-1/override?until=seen",
                             {"by": "alice", "weight": 1}), 400, "invalid", "until")
    assert_problem(node.deregister("app", "a-1", until="never"), 400, "invalid", "until")


def test_changes_are_answered_once_all_nodes_have_heard_of_them(make_cluster):
    cluster = make_cluster(flags=FAST).start()
    first, second, third = cluster.nodes
    first.register("app", "a-1")
    first.register("app", "a-2")
    cluster.settle()
    for _ in range(20):
        began = time.monotonic()
        said = override(second, "?until=heard", weight=7)
        assert (said["heard"], said["unheard"]) == (True, []), said
        assert time.monotonic() - began < 1.5
        for node in cluster.nodes:
            assert [i.get("weight") for i in node.get("app")["instances"] if i["id"] == "a-1"] == [7]
        said = second.call("DELETE", "/v1/services/app/instances/a-1/override?by=bob&until=heard").json
        assert (said["heard"], said["unheard"]) == (True, []), said
        assert all("weight" not in i for i in third.get("app")["instances"])
    # An operator's removal is an override too, and its watchers are waited for at all nodes.
    began = time.monotonic()
    said = second.deregister("app", "a-1", by="alice", until="seen").json
    assert said["seen"] and "unheard" not in said, said
    said = second.deregister("app", "a-2", until="heard").json  # by its provider
    assert (said["heard"], said["unheard"]) == (True, []), said
    assert time.monotonic() - began < 4
    assert [node.get("app")["instances"] for node in cluster.nodes] == [[], [], []]
    code, text = cli(first, "restore", "app/a-1", "--by", "bob")
    assert (code, text) == (0, "app/a-1 is as its provider says again\n")


def test_each_command_ends_with_the_nodes_that_have_not_heard_of_it(make_cluster):
    cluster = make_cluster(flags=FAST).start()
    first, second, third = cluster.nodes
    for name in ("a-1", "a-2", "a-3"):
        first.register("app", name)
    cluster.settle()
    lose_bus(cluster)
    for node in cluster.nodes:  # without the bus, but not without each other
        said = override(node, "?until=heard", weight=7)
        assert (said["heard"], said["unheard"]) == (True, []), said
    os.kill(second.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        said = override(first, "?until=heard", weight=8)
        assert 1.8 < time.monotonic() - began < 4  # it is still thought to be there
        assert (said["heard"], said["unheard"], said["bus"]) == (False, ["node-1"], "away"), said
        time.sleep(5)  # it is silent now: nothing is waited for
        unheard = "node-1 has not heard of it yet: the bus is away\n"
        began = time.monotonic()
        for arguments, text in (
                (["isolate", "app/a-1"], "app/a-1 is out of service, by alice\n" + unheard),
                (["weight", "app/a-1", "3"], "app/a-1 has weight 3, by alice\n" + unheard),
                (["restore", "app/a-1"], "app/a-1 is as its provider says again\n" + unheard)):
            assert cli(first, *arguments, "--by", "alice") == (0, text)
        assert time.monotonic() - began < 3
        for arguments in (["drain", "app/a-2", "--for", "1s", "--no-wait"],
                          ["deregister", "app/a-3", "--no-wait"], ["deregister", "app/a-1"]):
            code, text = cli(first, *arguments, "--by", "alice")
            assert code == 0 and unheard in text, text
        until(lambda: state_of(third, "app", "a-1") is None, 5, "what the other one has heard")
    finally:
        os.kill(second.pid, signal.SIGCONT)
    until(lambda: state_of(second, "app", "a-1") is None, 10, "the change at the node that woke up")
    regain_bus(cluster)
    code, text = cli(first, "restore", "app/a-3", "--by", "bob")
    assert (code, text) == (0, "app/a-3 is as its provider says again\n")


def test_nodes_that_have_said_goodbye_are_not_missed(make_cluster):
    cluster = make_cluster(nodes=2, flags=FAST).start()
    first, second = cluster.nodes
    first.register("app", "a-1")
    cluster.settle()
    assert second.stop() == 0
    time.sleep(5.5)  # longer than a node is thought to be there
    said = override(first, "?until=heard", weight=7)
    assert (said["heard"], said["unheard"]) == (True, []), said
