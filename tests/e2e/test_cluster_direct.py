"""The bus is away: what is changed at one node reaches the others directly, and nothing twice."""

import time

import pytest

from cluster import Consumer, Link, until_listed
from registry import registration, until
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
