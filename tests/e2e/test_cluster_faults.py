"""Partitions, clocks that disagree, a full disk, and a mass deployment: what a cluster makes of them."""

import subprocess
import threading
import time

import pytest

import chaos
from cluster import Consumer, Link, until_listed
from registry import registration, until
from test_cluster import FAST, Provider
from test_disk import fill_up

FAKE_TIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def add_node(cluster, number, *flags, **options):
    node = cluster.make(number, *flags, **options).start()
    cluster.nodes.append(node)
    return node


def test_a_node_cut_off_from_the_bus_goes_on_and_catches_up(make_cluster):
    cluster = make_cluster(nodes=2, flags=FAST).start()
    link = Link(cluster.bus.servers[0].port)
    provider = None
    try:
        apart = add_node(cluster, 2, bus=f"nats://127.0.0.1:{link.port}")
        cluster.settle()
        provider = Provider(apart, "island", "p-1")
        until_listed(cluster.nodes[0], "island", {"p-1"})
        with Consumer(apart, "island") as inside, Consumer(cluster.nodes[0], "island") as outside:
            link.cut()
            until(lambda: apart.call("GET", "/v1/nodes").json["bus"]["state"] == "away", 30,
                  "the loss of the bus")
            assert apart.register("island", "inside").status == 201
            assert cluster.nodes[1].register("island", "outside").status == 201
            outside.follow(lambda lists: "outside" in lists["island"].instances)
            inside.follow(lambda lists: "inside" in lists["island"].instances)
            outside.follow(lambda lists: "inside" in lists["island"].instances)
            # Longer than a lost node's sessions are left alone: it is not lost, it speaks directly.
            outside.hears_nothing_for(6)
            assert outside.ids("island") == {"p-1", "outside", "inside"}
            assert apart.metrics()["callbook_isolated"] == 0
            link.heal()
            healed = time.monotonic()
            for consumer in (inside, outside):
                consumer.follow(lambda lists: set(lists["island"].instances)
                                == {"p-1", "inside", "outside"}, 10)
            cluster.settle(10)
            assert time.monotonic() - healed < 10
    finally:
        link.close()
        if provider:
            provider.close()


def test_clients_cut_off_from_their_node_go_on_at_another(make_cluster):
    """Nothing is closed and nothing refused: both only hear nothing any more."""
    cluster = make_cluster(flags=chaos.TIMING).start()
    link = Link(cluster.nodes[0].port)
    clients = []
    try:
        for name in ("p-1", "p-2"):
            clients.append(chaos.Provider(f"127.0.0.1:{link.port}", name))
        consumer = chaos.Consumer(f"127.0.0.1:{link.port}")
        clients.append(consumer)
        until(lambda: set(consumer.held) == {"p-1", "p-2"}, 20, "both")
        link.cut()
        cut = time.monotonic()
        clients.append(chaos.Provider(f"127.0.0.1:{cluster.nodes[1].port}", "p-3"))
        until(lambda: "p-3" in consumer.held, 60, "the consumer, at another node")
        consumer_s = time.monotonic() - cut
        until(lambda: {i["id"]: i.get("state", "up") for i in
                       cluster.nodes[2].get(chaos.SERVICE)["instances"]}
              == dict.fromkeys(("p-1", "p-2", "p-3"), "up"), 60, "the providers, at another node")
        print(f"cut off from their node: a consumer hears of changes again after {consumer_s:.1f} s, "
              f"providers are up again after {time.monotonic() - cut:.1f} s")
        assert consumer.left == []
        link.heal()
        cluster.settle()
        assert set(consumer.held) == {"p-1", "p-2", "p-3"} and consumer.left == []
    finally:
        for client in clients:
            client.close()
        link.close()


def test_a_node_that_hears_nobody_removes_nobody_elses(make_cluster):
    """Cut off from the bus, and from all nodes, it keeps what is homed there."""
    cluster = make_cluster(nodes=1, flags=FAST).start()
    link = Link(cluster.bus.servers[0].port)
    provider = Provider(cluster.nodes[0], "far", "p-1")
    try:
        apart = add_node(cluster, 2, bus=f"nats://127.0.0.1:{link.port}")
        until_listed(apart, "far", {"p-1"})
        with Consumer(apart, "far") as consumer:
            link.cut()
            cluster.nodes[0].kill()
            provider.close()  # dead for good, which this node can't know
            until(lambda: apart.metrics()["callbook_isolated"] == 1, 30, "isolation")
            consumer.hears_nothing_for(8)
            assert consumer.ids("far") == {"p-1"}
            assert apart.register("far", "near").status == 201
            link.heal()
            # In touch again, it takes over what the lost node left, asks, and is refused.
            consumer.follow(lambda lists: set(lists["far"].instances) == {"near"}, 30)
    finally:
        link.close()
        provider.close()


@pytest.mark.parametrize("ahead", [True, False], ids=["first_ahead", "second_ahead"])
def test_the_later_word_wins_whatever_the_clocks_say(make_cluster, ahead):
    """Registered at one node, deregistered at another, with clocks an hour apart: first with the
    stamp that the client was told, while the record is still on its way; then after it came."""
    cluster = make_cluster(nodes=0, flags=FAST)
    cluster.bus.start()
    link = Link(cluster.bus.servers[0].port)
    fake = {"LD_PRELOAD": FAKE_TIME, "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    try:
        first = add_node(cluster, 1, env=fake if ahead else None)
        second = add_node(cluster, 2, env=None if ahead else fake,
                          bus=f"nats://127.0.0.1:{link.port}")
        cluster.settle()
        gap = first.call("GET", "/v1/nodes").json["nodes"][1]["clock_ahead_ms"]
        assert abs(abs(gap) - 3_600_000) < 5_000, gap

        link.cut()
        answer = first.register("clocks", "raced", ack="logged")
        assert answer.status == 201
        gone = second.call("DELETE", "/v1/services/clocks/instances/raced",
                           headers={"Callbook-Stamp": answer.headers["Callbook-Stamp"]})
        assert gone.status in (200, 404), gone
        link.heal()
        cluster.settle(30)
        if gone.status == 200:
            for node in (first, second):
                assert node.get("clocks")["instances"] == []

        for number in range(20):
            one, other = (first, second) if number % 2 else (second, first)
            name = f"c-{number}"
            assert one.register("clocks", name).status == 201
            until(lambda: name in {i["id"] for i in other.get("clocks")["instances"]}, what=name)
            assert other.deregister("clocks", name).status == 200
        cluster.settle()
        for node in (first, second):
            held = {i["id"] for i in node.get("clocks")["instances"]}
            assert not any(name.startswith("c-") for name in held), held
    finally:
        link.close()


def test_a_full_disk_of_one_node_is_its_own_matter(make_cluster, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    try:
        cluster = make_cluster(nodes=2).start()
        full = add_node(cluster, 2, data=disk / "data")
        cluster.settle()
        ballast = fill_up(disk)
        for number in range(3):
            lines = [registration("bulk", f"b-{number}-{i}", metadata={"n": "x" * 200})
                     for i in range(500)]
            assert {line["status"] for line in full.batch(lines)} == {201}
        until(lambda: full.metrics()["callbook_store_degraded"] == 1, what="degradation")
        for node in cluster.nodes:
            until(lambda: len(node.get("bulk")["instances"]) == 1_500, what=f"all at {node.name}")
        ballast.unlink()
        until(lambda: full.metrics()["callbook_store_degraded"] == 0, 60, "the disk to heal")
        cluster.settle()
        full.kill()
        full.start()
        assert len(full.get("bulk")["instances"]) == 1_500
        cluster.settle()
    finally:
        for node in cluster.nodes:
            node.close()
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_mass_deployment_while_a_server_of_the_bus_is_killed(make_cluster):
    """50,000 instances come at three nodes; the server that all of them use dies halfway."""
    cluster = make_cluster(nodes=3, servers=3).start()
    each, services = 50_000 // 3 + 1, 50
    sent = []

    def deploy(number):
        for begin in range(0, each, 500):
            lines = [registration(f"mass-{i % services}", f"m-{number}-{i}", metadata={"v": "2"})
                     for i in range(begin, min(begin + 500, each))]
            statuses = {line["status"] for line in cluster.nodes[number].batch(lines)}
            assert statuses == {201}, statuses
            sent.append(len(lines))

    threads = [threading.Thread(target=deploy, args=[number]) for number in range(3)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    until(lambda: sum(sent) > 15_000, 120, "half of the deployment")
    cluster.bus.servers[0].kill()
    for thread in threads:
        thread.join()
    accepted = time.monotonic() - began
    assert sum(sent) == 3 * each
    cluster.bus.servers[0].start()

    def whole(node):
        return node.call("GET", "/v1/status").json["instances"] == 3 * each
    for node in cluster.nodes:
        until(lambda: whole(node), 120, f"all instances at {node.name}")
    print(f"accepted within {accepted:.1f} s, at every node after {time.monotonic() - began:.1f} s")
    cluster.settle(60)
