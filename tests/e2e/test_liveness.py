"""Telling dead from slow from unreachable: real sockets that break, refuse, or say nothing."""

import os
import signal
import subprocess
import sys
import time

import pytest

from lists import Lists
from providers import TTL_MS, state_of, states
from registry import assert_problem, until


def metric(node, name):
    return node.metrics()[f"callbook_{name}"]


def test_a_killed_process_is_suspect_at_once_and_gone_soon(fast, tmp_path):
    """A process of its own, ended by kill -9; the watcher is told within a second."""
    script = tmp_path / "provider.py"
    script.write_text(f"""
import sys, time
sys.path[:0] = {sys.path!r}
from registry import Node
from providers import Provider
node = Node("/nonexistent")
node.port = {fast.port}
provider = Provider(node, "killed", "p-1")
print("ready", flush=True)
time.sleep(60)
""")
    fast.register("killed", "other", persistent=True, address="127.0.0.1", port=1)
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        lists = Lists()
        with fast.watch("killed").open() as watch:
            lists.take(watch.expect("snapshot"))
            assert states(lists, "killed") == {"other": "up", "p-1": "up"}
            os.kill(process.pid, signal.SIGKILL)
            killed = time.monotonic()
            lists.follow(watch, lambda held: states(held, "killed")["p-1"] != "up")
            told = time.monotonic() - killed
            lists.follow(watch, lambda held: "p-1" not in held["killed"].instances)
            gone = time.monotonic() - killed
        assert told < 1, f"told after {told:.3f} s"
        assert 1.4 < gone < 5, f"gone after {gone:.3f} s"
        assert lists.causes[-1] == ("killed", "p-1", "probe_refused")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_silence_of_a_killed_process_without_a_connection(fast, provide):
    provider = provide("quiet", "q-1", attached=False)
    fast.register("quiet", "other", persistent=True)
    lists = Lists()
    with fast.watch("quiet").open() as watch:
        lists.take(watch.expect("snapshot"))
        provider.kill()
        lists.follow(watch, lambda held: "q-1" not in held["quiet"].instances)
    assert lists.causes[-1] == ("quiet", "q-1", "probe_refused")


def test_who_answers_without_heartbeats_is_unattended_and_comes_back(fast, provide):
    provider = provide("hung", "h-1", attached=False)
    until(lambda: state_of(fast, "hung", "h-1") == "unattended")
    time.sleep(4)
    assert state_of(fast, "hung", "h-1") == "unattended", "an answering process is not removed"
    assert provider.heartbeat().status == 200
    assert state_of(fast, "hung", "h-1") == "up"


def test_the_next_process_at_the_same_address_removes_the_unattended(fast, provide):
    former = provide("taken", "t-1", attached=False)
    until(lambda: state_of(fast, "taken", "t-1") == "unattended")
    session = fast.open_session(ttl_ms=60_000)
    assert fast.register("taken", "t-2", session=session, address="127.0.0.1",
                         port=former.port).status == 201
    until(lambda: state_of(fast, "taken", "t-1") is None)
    assert state_of(fast, "taken", "t-2") == "up"


def test_a_lost_host_is_down_and_gone_within_the_budget(fast, provide):
    lost = provide("hosts", "h-1", attached=False)
    for i in range(2, 5):
        provide("hosts", f"h-{i}")
    lost.vanish()
    until(lambda: state_of(fast, "hosts", "h-1") == "down")
    until(lambda: state_of(fast, "hosts", "h-1") is None)
    assert len(fast.get("hosts")["instances"]) == 3


def test_six_of_ten_really_killed_are_removed_and_then_the_rest(fast, provide):
    providers = [provide("mass", f"m-{i}") for i in range(10)]
    lists = Lists()
    with fast.watch("mass").open() as watch:
        lists.take(watch.expect("snapshot"))
        for provider in providers[:6]:
            provider.kill()
        lists.follow(watch, lambda held: len(held["mass"].instances) == 4)
        assert set(states(lists, "mass").values()) == {"up"}
        for provider in providers[6:]:
            provider.kill()
        lists.follow(watch, lambda held: not held["mass"].instances)
    assert {cause for _, _, cause in lists.causes} <= {"probe_refused", "connection_lost", ""}
    assert fast.get("mass")["empty"]["causes"] == {"probe_refused": 10}
    assert metric(fast, "breakers_tripped_total") == 0


def test_six_of_ten_unreachable_are_served_on_and_come_back(fast, provide):
    providers = [provide("cut", f"c-{i}", attached=i >= 6) for i in range(10)]
    for provider in providers[:6]:
        provider.vanish()

    def counted():
        found = {}
        for instance in fast.get("cut")["instances"]:
            state = instance.get("state", "up")
            found[state] = found.get(state, 0) + 1
        return found

    until(lambda: counted() == {"up": 4, "protected": 6})
    assert metric(fast, "breakers_tripped_total") == 1
    time.sleep(6)  # twice the time to removal
    kept = counted()
    assert kept["up"] == 4 and kept["protected"] >= 5, "one a minute of ten"
    fast.restart()
    assert counted() == kept, "what is protected outlives the registry"
    time.sleep(5)
    # Nobody else is attached any more, but they answer.
    assert counted() == {"unattended": 4, "protected": kept["protected"]}
    for provider in providers[1:6]:
        if state_of(fast, "cut", provider.name) is not None:
            assert provider.heartbeat().status == 200
            assert state_of(fast, "cut", provider.name) == "up"


def test_an_operator_may_release_the_protected(fast, provide):
    for i in range(4):
        provide("released", f"r-{i}", attached=False).vanish()
    until(lambda: {i.get("state") for i in fast.get("released")["instances"]} == {"protected"})
    assert fast.call("POST", "/v1/services/released/release").json == {"groups": 1}
    until(lambda: not fast.get("released")["instances"])
    assert fast.call("POST", "/v1/services/released/release").json == {"groups": 0}
    assert_problem(fast.call("POST", "/v1/services/nobody/release"), 404, "not_found", "service")


def test_a_registry_that_stood_still_removes_nobody(fast, provide):
    attached = [provide("paused", f"a-{i}") for i in range(3)]
    beating = [provide("paused", f"b-{i}", attached=False, ttl_ms=3_000) for i in range(3)]
    for seconds in (1, 5):
        os.kill(fast.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(fast.pid, signal.SIGCONT)
        for provider in beating:
            assert provider.heartbeat().status == 200
        assert set(i.get("state", "up") for i in fast.get("paused")["instances"]) == {"up"}
    assert metric(fast, "suspected_total") == 0
    assert len(attached) == 3


def test_a_process_that_says_goodbye_is_nobodys_suspect(fast, provide):
    provider = provide("polite", "p-1")
    assert fast.call("DELETE", f"/v1/sessions/{provider.session}").status == 200
    assert fast.get("polite")["empty"]["causes"] == {"session_closed": 1}
    assert metric(fast, "suspected_total") == 0


def test_consumers_reports_cause_a_probe_and_remove_nobody(fast, provide):
    provider = provide("reported", "r-1")

    def report(*names):
        path = "/v1/services/reported/instances/r-1/report?by="
        return [fast.call("POST", path + name).json["reports"] for name in names]

    assert report("x", "y", "x") == [1, 2, 2]
    assert report("z") == [3]
    time.sleep(1)
    assert state_of(fast, "reported", "r-1") == "up", "it answers"
    provider.listener.close()
    assert report("x", "y", "z") == [1, 2, 3]
    until(lambda: state_of(fast, "reported", "r-1") == "down")
    time.sleep(3)
    assert state_of(fast, "reported", "r-1") == "down", "its session lives: it is not removed"
    assert metric(fast, "reported_total") == 2
    assert_problem(fast.call("POST", "/v1/services/reported/instances/r-1/report"), 400, "invalid",
                   "by")


def test_unprobed_addresses_are_never_asked(fast):
    """Metadata addresses of clouds: nobody connects there."""
    session = fast.open_session(ttl_ms=TTL_MS)
    for i, address in enumerate(["169.254.169.254", "168.63.129.16"]):
        assert fast.register("odd", f"o-{i}", session=session, address=address,
                             port=80).status == 201
    until(lambda: state_of(fast, "odd", "o-0") == "suspect")
    time.sleep(2)
    assert metric(fast, "probe_rounds_silent_total") == 0
    assert metric(fast, "probe_rounds_answered_total") == 0


@pytest.mark.parametrize("flag,value", [("--probe-rounds", "-1"), ("--probe-timeout-ms", "x"),
                                        ("--breaker-percent", "1e3"),
                                        ("--silent-removal-ms", "")])
def test_bad_settings_are_named(make_node, flag, value):
    node = make_node(flag, value).spawn()
    assert node.process.wait(20) == 2
    until(lambda: flag.strip("-").encode() in node.log.replace(b"_", b"-"), 5)
