"""The bus is away in a cluster of two releases: the last one takes nothing directly. It is left alone,
named as what has not heard, and gets all of it from the bus."""

from cluster import until_listed
from registry import path_of, until


def bus_is(node, state):
    until(lambda: node.call("GET", "/v1/nodes").json["bus"]["state"] == state, 40,
          f"the bus of {node.name} to be {state}")


def said_of(node, instance):
    return {one["id"]: one.get("weight") for one in node.get("app")["instances"]}.get(instance)


def test_a_node_of_the_last_release_is_asked_once_and_named(make_cluster, former, present):
    cluster = make_cluster([former, present, present]).start()
    old, new, other = cluster.nodes
    assert new.call("PUT", path_of("app", "a-1"),
                    {"address": "10.0.0.1", "port": 80, "persistent": True}).status == 201
    for node in cluster.nodes:
        until_listed(node, "app", {"a-1"})
    for server in cluster.bus.servers:
        server.kill()
    for node in cluster.nodes:
        bus_is(node, "away")

    def weigh(weight):
        answer = new.call("PUT", path_of("app", "a-1") + "/override?until=heard",
                          {"by": "alice", "weight": weight})
        assert answer.status == 200, answer
        return answer.json

    sent_before = new.metrics()["callbook_told_directly_total"]
    for weight in range(1, 8):
        answer = weigh(weight)
        assert (answer["heard"], answer["unheard"]) == (False, [old.name]), answer
        assert answer["bus"] == "away" and "cannot_say" not in answer, answer
        assert said_of(other, "a-1") == weight
    sent = new.metrics()["callbook_told_directly_total"] - sent_before
    assert 8 <= sent <= 9, sent  # each to the node of this build, and the first to the old one
    printed = present.run("restore", "app/a-1", "--by", "bob",
                          registries=f"127.0.0.1:{new.port}")
    assert f"{old.name} has not heard of it yet: the bus is away" in printed, printed
    assert said_of(old, "a-1") is None
    assert {one["state"] for one in old.call("GET", "/v1/nodes").json["nodes"]} == {"serving"}

    weigh(9)
    for server in cluster.bus.servers:
        server.start()
    cluster.settle(40)
    until(lambda: said_of(old, "a-1") == 9, 20, "what the bus brings")
    answer = weigh(10)
    assert (answer["unheard"], answer.get("cannot_say")) == ([], [old.name]), answer


def test_what_it_becomes_after_its_upgrade_takes_them(make_cluster, former, present):
    cluster = make_cluster([former, present]).start()
    old, new = cluster.nodes
    for server in cluster.bus.servers:
        server.kill()
    bus_is(new, "away")
    old.flags += ["--peers", f"127.0.0.1:{new.port}"]
    assert new.call("PUT", path_of("app", "a-1"),
                    {"address": "10.0.0.1", "port": 80, "persistent": True}).status == 201
    cluster.change_release(old, present)
    until_listed(old, "app", {"a-1"})  # by its snapshot
    assert new.call("PUT", path_of("app", "a-2"),
                    {"address": "10.0.0.2", "port": 80, "persistent": True}).status == 201
    until_listed(old, "app", {"a-1", "a-2"})
    assert old.metrics()["callbook_heard_directly_total"] >= 1
    for server in cluster.bus.servers:
        server.start()
    cluster.settle(40)
