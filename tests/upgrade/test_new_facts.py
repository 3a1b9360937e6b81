"""Facts that the last release does not know, written at a node of this build while a node of that
release is in the cluster: it passes them on unharmed, shows something sensible, and has lost none of
them when it is upgraded."""

import os
import signal
import time

import pytest

from cluster import until_listed
from registry import path_of, until
from work import CommandWatcher, Held

FACT_SECONDS = 20


@pytest.fixture
def mixed(make_cluster, former, present):
    """A node of the last release, and one of this build."""
    return make_cluster([former, present]).start()


@pytest.fixture
def held():
    """Ports that answer."""
    made = [Held() for _ in range(4)]
    yield made
    for one in made:
        one.listener.close()


def put(node, service, name, *statuses, query="", **fields):
    answer = node.call("PUT", path_of(service, name) + query, fields)
    assert answer.status in (statuses or (200, 201)), (answer.status, answer.body)
    return answer


def opened(node, **fields):
    answer = node.call("POST", "/v1/sessions", {"ttl_ms": 60_000, **fields})
    assert answer.status == 201, answer.body
    return answer.json["session"]


def listed(node, service):
    """{id: state}"""
    return {one["id"]: one.get("state", "up") for one in node.get(service)["instances"]}


def comes_to(what, holds):
    until(holds, FACT_SECONDS, what)


def upgrade(cluster, node, programs):
    """The node becomes one of this build, and holds what the others hold."""
    cluster.settle()
    cluster.change_release(node, programs)
    cluster.settle()


def upgrade_alone(cluster, node, programs):
    """The same, but all that it knows comes from its own disk: the bus has lost its data, and no
    other node runs."""
    cluster.settle()
    for other in cluster.nodes:
        if other is not node:
            other.kill()
    node.kill()
    cluster.bus.servers[0].restart(empty=True)
    node.program = str(programs.callbook)
    node.start()


def test_what_a_provider_says_of_itself(mixed, held, present):
    old, new = mixed.nodes
    session = opened(new)
    put(new, "orders", "o-1", session=session, **held[0].body())
    put(new, "orders", "o-2", session=session, status="starting", **held[1].body())
    until_listed(old, "orders", {"o-1", "o-2"})
    answer = new.call("PUT", path_of("orders", "o-1") + "/status",
                      {"status": "failing", "text": "disk full"})
    assert answer.status == 200, answer.body
    said = {"o-1": "failing", "o-2": "starting"}
    assert listed(new, "orders") == said
    mixed.settle()
    assert listed(old, "orders") == {"o-1": "up", "o-2": "up"}
    # What goes on at the old node leaves it alone: heartbeats, a new weight, an operator's word.
    assert old.call("PUT", f"/v1/sessions/{session}/heartbeat").status == 200
    put(old, "orders", "o-1", session=session, weight=7, **held[0].body())
    assert old.call("PUT", path_of("orders", "o-2") + "/override",
                    {"weight": 3, "by": "alice"}).status == 200
    comes_to("the weight at the new node", lambda: new.call(
        "GET", path_of("orders", "o-1")).json.get("weight") == 7)
    mixed.settle()
    assert listed(new, "orders") == said
    upgrade_alone(mixed, old, present)
    comes_to("the status from the own disk", lambda: listed(old, "orders") == said)
    shown = old.call("GET", path_of("orders", "o-1")).json
    assert shown["state"] == "failing" and "disk full" in str(shown), shown


def test_a_status_ends_when_another_process_registers_the_id_at_the_old_node(mixed, held, present):
    old, new = mixed.nodes
    put(new, "orders", "o-1", session=opened(new, process="p-1"), **held[0].body())
    answer = new.call("PUT", path_of("orders", "o-1") + "/status", {"status": "failing"})
    assert answer.status == 200, answer.body
    until_listed(old, "orders", {"o-1"})
    mixed.settle()
    put(old, "orders", "o-1", session=opened(old), **held[1].body())
    comes_to("the other process at the new node", lambda: new.call(
        "GET", path_of("orders", "o-1")).json["port"] == held[1].port)
    comes_to("the end of the status", lambda: listed(new, "orders") == {"o-1": "up"})
    upgrade(mixed, old, present)
    assert listed(old, "orders") == {"o-1": "up"}


def test_what_a_client_says_of_its_process(mixed, held, present):
    old, new = mixed.nodes
    session = opened(new, speaks=True, process="process-1")
    put(new, "orders", "o-1", session=session, **held[0].body())
    until_listed(old, "orders", {"o-1"})
    assert old.call("PUT", f"/v1/sessions/{session}/heartbeat").status == 200  # its home is there
    mixed.settle()
    upgrade_alone(mixed, old, present)
    comes_to("the session from the own disk", lambda: listed(old, "orders") == {"o-1": "up"})
    resumed = old.call("POST", "/v1/sessions", {"resume": session})
    assert resumed.status == 200 and resumed.json["speaks"] is True, resumed.body
    # It is the same process that comes with another session: nobody is superseded for it.
    again = opened(old, speaks=True, process="process-1")
    put(old, "orders", "o-1", session=again, **held[0].body())


def test_a_process_that_is_stopped_is_noticed_once_its_home_is_upgraded(mixed, held, present):
    """The old node takes an open connection for life, as it always did; the new one does not."""
    old, new = mixed.nodes
    opening = new.call("POST", "/v1/sessions",
                       {"ttl_ms": 2000, "speaks": True, "process": "process-1"}).json
    session = opening["session"]
    put(new, "orders", "o-1", session=session, **held[0].body())
    until_listed(old, "orders", {"o-1"})
    with old.stream(f"/v1/sessions/{session}/attach").open() as stream:
        stream.expect("attached")
        time.sleep(4)  # twice its TTL, in which it says nothing
        assert listed(old, "orders") == {"o-1": "up"}
        comes_to("the same at the new node", lambda: listed(new, "orders") == {"o-1": "up"})
    mixed.change_release(old, present)
    with old.stream(f"/v1/sessions/{session}/attach").open() as stream:
        stream.expect("attached")
        comes_to("doubts about a mute process",
                 lambda: listed(old, "orders")["o-1"] in ("suspect", "unattended"))


def checks(node, service):
    answer = node.call("GET", f"/v1/services/{service}/checks")
    assert answer.status == 200, answer.body
    return {(one["id"], one["name"]): one["status"] for one in answer.json["checks"]}


def test_several_checks_of_an_instance(mixed, held, present):
    old, new = mixed.nodes
    put(new, "checked", "c-1", ports={"admin": held[1].port}, **held[0].body(checks={
        "web": {"tcp": {}, "interval_ms": 1000},
        "admin": {"tcp": {"port": held[1].port}, "interval_ms": 1000}}))
    until_listed(old, "checked", {"c-1"})
    for node in mixed.nodes:
        comes_to(f"health at {node.name}", lambda: listed(node, "checked") == {"c-1": "up"})
    held[1].listener.close()  # the worst of them counts, also for those who do not know of two
    for node in mixed.nodes:
        comes_to(f"failure at {node.name}", lambda: listed(node, "checked") == {"c-1": "down"})
    mixed.settle()
    upgrade_alone(mixed, old, present)
    comes_to("both checks from the own disk",
             lambda: checks(old, "checked").keys() == {("c-1", "web"), ("c-1", "admin")})
    comes_to("the takeover of the checks, and what they say",
             lambda: checks(old, "checked").get(("c-1", "web")) == "passing")
    comes_to("the state that they make", lambda: listed(old, "checked") == {"c-1": "down"})


def test_a_kind_of_check_that_the_old_node_does_not_know(mixed, held, present):
    old, new = mixed.nodes
    put(new, "checked", "u-1", **held[0].body(
        check={"udp": {"payload": "ping"}, "interval_ms": 1000, "timeout_ms": 200}))
    until_listed(old, "checked", {"u-1"})
    for node in mixed.nodes:
        comes_to(f"failure at {node.name}", lambda: listed(node, "checked")["u-1"] == "down")
    upgrade_alone(mixed, old, present)
    comes_to("the check from the own disk", lambda: ("u-1", "check") in checks(old, "checked"))


def test_what_the_silence_of_an_instance_means(mixed, held, present):
    old, new = mixed.nodes
    put(new, "timed", "t-1", ttl_ms=2000, lapse={"down_after_ms": 4000, "remove_after_ms": 8000,
                                                 "probe": False}, **held[0].body())
    put(new, "timed", "t-2", ttl_ms=2000, lapse={"down_after_ms": 2000}, **held[1].body())

    def heartbeats(node):
        for name in ("t-1", "t-2"):
            answer = node.call("PUT", path_of("timed", name) + "/heartbeat")
            assert answer.status == 200, answer.body

    until_listed(old, "timed", {"t-1", "t-2"})
    for _ in range(3):  # its home is the old node, whose own rules count
        heartbeats(old)
        time.sleep(0.5)
    mixed.settle()
    assert listed(new, "timed") == {"t-1": "up", "t-2": "up"}
    mixed.change_release(old, present)
    heartbeats(old)
    began = time.monotonic()
    comes_to("silence by its own rule", lambda: listed(old, "timed").get("t-1") == "down")
    assert time.monotonic() - began > 3
    comes_to("removal by its own rule", lambda: "t-1" not in listed(old, "timed"))
    assert "t-2" in listed(old, "timed")


def test_addresses_that_are_shared(mixed, held, present):
    old, new = mixed.nodes
    first, second = opened(new, process="p-1"), opened(new, process="p-2")
    put(new, "workers", "w-1", session=first, shares_port=True, **held[0].body())
    put(new, "workers", "w-2", session=second, shares_port=True, **held[0].body())
    until_listed(old, "workers", {"w-1", "w-2"})
    assert old.call("PUT", f"/v1/sessions/{first}/heartbeat").status == 200
    upgrade_alone(mixed, old, present)
    comes_to("both from the own disk", lambda: set(listed(old, "workers")) == {"w-1", "w-2"})
    # What shares its port is not thrown out by another at its address, though it is not heard of.
    put(old, "workers", "w-3", session=opened(old, process="p-3"), shares_port=True,
        **held[0].body())
    assert set(listed(old, "workers")) == {"w-1", "w-2", "w-3"}


def taken_out(node, service, name, **query):
    words = {"by": "alice", "reason": "bad+disk", **query}
    answer = node.call("DELETE", path_of(service, name) + "?" +
                       "&".join(f"{key}={value}" for key, value in words.items()))
    assert answer.status == 200, answer.body


def test_what_an_operator_has_taken_out(mixed, held, present):
    old, new = mixed.nodes
    session = opened(new, process="p-1")
    for number, name in enumerate(("o-1", "o-2", "o-3")):
        put(new, "orders", name, session=session, **held[number].body())
    until_listed(old, "orders", {"o-1", "o-2", "o-3"})
    taken_out(new, "orders", "o-1")
    taken_out(new, "orders", "o-2")
    comes_to("its departure at the new node", lambda: set(listed(new, "orders")) == {"o-3"})
    # The old node lists it, but not for calls, and says who wants that.
    comes_to("what the old node makes of it", lambda: listed(old, "orders") == {
        "o-1": "out_of_service", "o-2": "out_of_service", "o-3": "up"})
    shown = old.call("GET", path_of("orders", "o-1")).json["override"]
    assert (shown["by"], shown["reason"]) == ("alice", "bad disk")
    mixed.settle()
    # Its provider reconnects at the old node; an operator there ends one of the two.
    put(old, "orders", "o-1", session=session, weight=7, **held[0].body())
    assert old.call("DELETE", path_of("orders", "o-2") + "/override?by=bob").status == 200
    comes_to("the end of the other", lambda: set(listed(new, "orders")) == {"o-2", "o-3"})
    comes_to("the same at the old node", lambda: listed(old, "orders") == {
        "o-1": "out_of_service", "o-2": "up", "o-3": "up"})
    upgrade_alone(mixed, old, present)
    comes_to("what was taken out, from the own disk",
             lambda: set(listed(old, "orders")) == {"o-2", "o-3"})
    (excluded,) = old.get("orders")["excluded"]
    assert (excluded["id"], excluded["by"], excluded["reason"]) == ("o-1", "alice", "bad disk")
    assert old.call("DELETE", path_of("orders", "o-1") + "/override?by=bob").status == 200
    comes_to("its return", lambda: set(listed(old, "orders")) == {"o-1", "o-2", "o-3"})


def test_an_operators_drain(mixed, held, present):
    old, new = mixed.nodes
    put(new, "orders", "o-1", session=opened(new, process="p-1"), **held[0].body())
    put(new, "orders", "o-2", session=opened(new, process="p-2"), **held[1].body())
    until_listed(old, "orders", {"o-1", "o-2"})
    taken_out(new, "orders", "o-1", drain="2s")
    comes_to("that it drains", lambda: listed(new, "orders")["o-1"] == "draining")
    comes_to("what the old node makes of it",
             lambda: listed(old, "orders")["o-1"] == "out_of_service")
    comes_to("its end", lambda: set(listed(new, "orders")) == {"o-2"})
    mixed.settle()
    upgrade(mixed, old, present)
    assert set(listed(old, "orders")) == {"o-2"}


# --- What clients of the last release make of it ---


@pytest.fixture
def watcher(mixed, former):
    """`callbook watch` of the last release at the node of this build."""
    watchers = []

    def make(*services):
        watchers.append(CommandWatcher(former, f"127.0.0.1:{mixed.nodes[1].port}", services))
        return watchers[-1]

    yield make
    for one in watchers:
        one.close()


def test_an_old_client_follows_new_states(mixed, held, watcher):
    _, new = mixed.nodes
    follows = watcher("orders")
    put(new, "orders", "o-1", session=opened(new, process="p-1"), **held[0].body())
    for state in ("starting", "not_ready", "failing", "up"):
        answer = new.call("PUT", path_of("orders", "o-1") + "/status", {"status": state})
        assert answer.status == 200, answer.body
        comes_to(f"{state} at the client", lambda: follows.instances("orders").get("o-1", {}).get(
            "state", "up") == state)


def test_an_old_client_lets_go_of_what_an_operator_has_taken_out(mixed, held, watcher):
    """Though it is the only one: the client believes an empty list only by causes that it knows."""
    _, new = mixed.nodes
    follows = watcher("orders", "several")
    put(new, "orders", "o-1", session=opened(new, process="p-1"), **held[0].body())
    session = opened(new, process="p-2")
    for name in ("s-1", "s-2", "s-3"):
        put(new, "several", name, session=session, **held[1].body(shares_port=True))
    comes_to("all at the client", lambda: len(follows.instances("orders")) == 1 and
             len(follows.instances("several")) == 3)
    taken_out(new, "orders", "o-1")
    for name in ("s-1", "s-2", "s-3"):
        taken_out(new, "several", name)
    assert listed(new, "orders") == {} and listed(new, "several") == {}
    comes_to("its departure at the client", lambda: follows.instances("orders") == {})
    comes_to("that of several", lambda: follows.instances("several") == {})


def test_an_old_client_believes_a_list_that_became_empty_while_it_was_away(
        make_cluster, held, former, present):
    (new,) = make_cluster([present]).start().nodes
    put(new, "orders", "o-1", session=opened(new, process="p-1"), **held[0].body())
    follows = CommandWatcher(former, f"127.0.0.1:{new.port}", ["orders"])
    try:
        comes_to("it at the client", lambda: len(follows.instances("orders")) == 1)
        os.kill(follows.process.pid, signal.SIGSTOP)  # it is told nothing in between
        taken_out(new, "orders", "o-1")
        new.restart()
        os.kill(follows.process.pid, signal.SIGCONT)
        comes_to("its departure at the client", lambda: follows.instances("orders") == {})
    finally:
        follows.close()


def test_an_old_client_lets_go_of_what_has_lapsed_by_its_own_rule(mixed, held, watcher):
    _, new = mixed.nodes
    follows = watcher("timed")
    put(new, "timed", "t-1", ttl_ms=1000, lapse={"down_after_ms": 1000, "remove_after_ms": 2000,
                                                 "probe": False}, **held[0].body())
    comes_to("it at the client", lambda: len(follows.instances("timed")) == 1)
    comes_to("its removal", lambda: listed(new, "timed") == {})
    comes_to("its removal at the client", lambda: follows.instances("timed") == {})
