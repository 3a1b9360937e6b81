"""Clients of one release with nodes of the other: the command, and the C++ library as the example
programs use it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import until_listed
from registry import ROOT, registration, until
from work import CommandProvider, CommandWatcher

WAYS = ["former client, present nodes", "present client, former nodes"]


@pytest.fixture(params=WAYS)
def of_nodes(request, former, present):
    return present if request.param == WAYS[0] else former


@pytest.fixture
def of_client(of_nodes, former, present):
    return former if of_nodes is present else present


@pytest.fixture
def cluster(make_cluster, of_nodes):
    return make_cluster([of_nodes] * 2).start()


def states(node, service):
    return {one["id"]: one.get("state", "up") for one in node.get(service)["instances"]}


def test_the_command_registers_and_goes_on_at_another_node(cluster, of_client):
    first, second = cluster.nodes
    provider = CommandProvider(of_client, f"{cluster.registries}", "o-1")
    watcher = CommandWatcher(of_client, f"{cluster.registries}", ["orders"])
    try:
        for node in cluster.nodes:
            until_listed(node, "orders", {"o-1"})
        until(lambda: watcher.instances("orders").keys() == {"o-1"}, what="the watcher's list")
        for node in (first, second):  # wherever it was, it is elsewhere now
            assert node.stop() == 0
            node.start()
            cluster.settle(60)
            until(lambda: all(states(one, "orders") == {"o-1": "up"} for one in cluster.nodes), 30,
                  "the provider at both nodes")
            assert provider.process.poll() is None
        assert watcher.departures() == []
        os.kill(provider.process.pid, 15)
        assert provider.process.wait(20) == 0
        for node in cluster.nodes:
            until_listed(node, "orders", set())
        until(lambda: watcher.departures() == [("orders", "o-1", "session_closed")], 20,
              "word that it has left")
    finally:
        watcher.close()
        provider.kill()


def test_the_command_runs_another_and_ends_with_it(cluster, of_client):
    first, _ = cluster.nodes
    done = subprocess.run(
        [str(of_client.callbook), "register", "jobs", "--port", "0", "--id", "j-1", "--registry",
         cluster.registries, "--", "/bin/sh", "-c",
         f"{of_client.callbook} get jobs --registry {cluster.registries} --json; exit 7"],
        capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 7, done
    until_listed(first, "jobs", set())


def test_the_command_looks_up_and_follows(cluster, of_client):
    first, second = cluster.nodes
    first.batch([registration("catalog", f"c-{i}", zone="a" if i % 2 else "b",
                              metadata={"version": str(i % 3)}) for i in range(30)])
    cluster.settle(30)
    watcher = CommandWatcher(of_client, cluster.registries, ["catalog", "nobody"])
    try:
        run = of_client.run
        shown = json.loads(run("get", "catalog", "--json", registries=cluster.registries))
        assert {one["id"] for one in shown["instances"]} == {f"c-{i}" for i in range(30)}
        filtered = run("get", "catalog", "--zone", "a", "--meta", "version=1", "--json",
                       registries=cluster.registries)
        assert {one["id"] for one in json.loads(filtered)["instances"]} == \
            {f"c-{i}" for i in range(30) if i % 2 and i % 3 == 1}
        assert "catalog" in run("services", registries=cluster.registries)
        run("get", "nobody", registries=cluster.registries, code=3)
        until(lambda: len(watcher.instances("catalog")) == 30, what="the watcher's list")
        # More than half goes at once: the cause of each must be one that the client knows.
        second.batch([{"op": "deregister", "service": "catalog", "id": f"c-{i}"}
                      for i in range(28)])
        until(lambda: watcher.instances("catalog").keys() == {"c-28", "c-29"}, 20, "what is left")
        assert {cause for _, _, cause in watcher.departures()} == {"deregistered"}
    finally:
        watcher.close()


def test_the_command_moves_traffic(cluster, of_client, of_nodes, former):
    first, second = cluster.nodes
    first.batch([registration("orders", f"o-{i}") for i in range(3)])
    cluster.settle(30)
    watcher = CommandWatcher(of_client, cluster.registries, ["orders"])

    def both(holds):
        until(lambda: all(holds(node) for node in cluster.nodes), 20, "word of it at both nodes")

    def override(node, name):
        return node.call("GET", f"/v1/services/orders/instances/{name}").json.get("override")

    try:
        run = of_client.run
        run("isolate", "orders/o-0", "--by", "alice", "--reason", "bad disk",
            registries=cluster.registries)
        both(lambda node: override(node, "o-0") ==
             {"state": "out_of_service", "by": "alice", "reason": "bad disk"})
        until(lambda: watcher.instances("orders").get("o-0", {}).get("state") == "out_of_service", 20,
              "the watcher's word of it")
        run("weight", "orders/o-1", "7", "--by", "alice", registries=cluster.registries)
        both(lambda node: override(node, "o-1")["weight"] == 7)
        run("restore", "orders/o-0", "--by", "bob", registries=cluster.registries)
        both(lambda node: override(node, "o-0") is None)
        until(lambda: watcher.instances("orders").get("o-0", {}).get("state", "up") == "up", 20,
              "the watcher's word of it")
        if of_nodes is former:
            # What these take out comes back with its provider: the command says so, and does nothing.
            run("drain", "orders/o-2", "--for", "1s", registries=cluster.registries, code=1)
            run("deregister", "orders/o-2", registries=cluster.registries, code=1)
            until_listed(second, "orders", {"o-0", "o-1", "o-2"})
            return
        run("drain", "orders/o-2", "--for", "1s", registries=cluster.registries)
        for node in cluster.nodes:
            until_listed(node, "orders", {"o-0", "o-1"})
        run("deregister", "orders/o-1", registries=cluster.registries)
        for node in cluster.nodes:
            until_listed(node, "orders", {"o-0"})
        run("restore", "orders/o-0", "--by", "bob", registries=cluster.registries, code=3)
    finally:
        watcher.close()


def test_the_command_shows_the_nodes(cluster, of_client):
    lines = of_client.run("nodes", registries=cluster.registries).splitlines()
    assert [line.split()[0] for line in lines][:3] == ["NODE", "node-0", "node-1"], lines
    shown = json.loads(of_client.run("nodes", "--json", registries=cluster.registries))
    assert {one["node"]: one["state"] for one in shown["nodes"]} == \
        {"node-0": "serving", "node-1": "serving"}
    assert "serving" in of_client.run("status", registries=cluster.registries)


def test_no_call_of_the_library_fails(of_nodes, of_client, tmp_path):
    """The example's servers and its caller are of one release, the registry of the other."""
    if of_client.path("orders_caller") is None:
        pytest.skip("the example needs gRPC")
    (tmp_path / "callbook").symlink_to(of_nodes.callbook)
    for name in ("orders_server", "orders_caller"):
        (tmp_path / name).symlink_to(of_client.path(name))
    done = subprocess.run(
        [sys.executable, "-B", str(Path(ROOT) / "examples/chaos.py"), "--seconds", "20", "--rate",
         "500", "--min-rate", "0", "--bin", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "failures: 0" in done.stdout
