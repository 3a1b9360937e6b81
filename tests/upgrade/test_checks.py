"""Checks that the last release does not know, in a cluster with it."""

import pytest

from checked import FAST, Service, path, register_several, results, state
from mixed import TIMING
from registry import Node, until

NAMES = [f"db-{i}" for i in range(8)]


@pytest.fixture
def service():
    made = Service()
    yield made
    made.stop()


# All of a service that fail are protected; the last release protects many that fail anyway.
ILL = ("down", "protected")


def all_in(node, *wanted):
    return all(state(node, "db", name) in wanted for name in NAMES) or None


def checks(service):
    return {"web": path("web", service.port), "api": path("api", service.port),
            "head": {"http": {"path": "/web", "port": service.port, "expect": ["200-499"]}}}


def register_all(node, service):
    for name in NAMES:
        register_several(node, "db", name, checks(service), {"http": service.port})


def test_older_nodes_follow_and_pass_on_what_they_cannot_read(make_cluster, former, present, service):
    cluster = make_cluster([present, former, present], flags=(*TIMING, *FAST)).start()
    home, older, third = cluster.nodes
    register_all(home, service)
    for node in cluster.nodes:
        until(lambda: all_in(node, "up"), 30)
    service.statuses["/api"] = 500
    for node in cluster.nodes:
        until(lambda: all_in(node, *ILL), 30)
    cluster.settle(30)
    home.kill()
    # Both survivors take over some of them; the older one makes the one check that it can read.
    until(lambda: {one["home"] for one in results(third, "db").values()} == {older.name, third.name}
          or None, 60)
    known = {(name, check) for name in NAMES for check in checks(service)}
    assert set(results(third, "db")) == known
    service.statuses.clear()
    for node in (older, third):
        until(lambda: all_in(node, "up"), 30)
    home.start()
    cluster.settle(30)
    assert set(results(home, "db")) == known
    # What the older one has is checked whole again once its home is a node of this build.
    service.statuses["/web"] = 500
    cluster.change_release(older, present)
    for node in cluster.nodes:
        until(lambda: all_in(node, *ILL), 60)
    assert set(results(older, "db")) == known


def test_the_last_release_reads_a_store_with_them_and_gives_it_back(tmp_path, former, present,
                                                                    service):
    node = Node(tmp_path / "data", *FAST)
    node.program = str(present.callbook)
    try:
        node.start()
        register_all(node, service)
        until(lambda: all_in(node, "up"), 30)
        service.statuses["/api"] = 500
        until(lambda: all_in(node, *ILL), 30)
        assert node.stop() == 0
        node.program = str(former.callbook)
        node.start()
        assert all_in(node, *ILL)
        service.statuses.clear()
        until(lambda: all_in(node, "up"), 30)
        assert node.stop() == 0
        node.program = str(present.callbook)
        node.start()
        assert set(results(node, "db")) == {(n, check) for n in NAMES for check in checks(service)}
        service.statuses["/web"] = 500
        until(lambda: all_in(node, *ILL), 30)
    finally:
        node.close()
