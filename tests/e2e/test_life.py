"""Life is what the process says, and what an operator or a provider says lasts: real processes that
are stopped, cut off and replaced."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from lists import Lists
from providers import TTL_MS, state_of
from registry import assert_problem, path_of, until

# A provider's process: a port, a session that speaks, an attached stream, and heartbeats.
SPEAKER = """
import socket, sys, time
sys.path[:0] = {path!r}
from registry import Node
node = Node("/nonexistent")
node.port = {port}
session = node.call("POST", "/v1/sessions",
                    {{"ttl_ms": {ttl_ms}, "speaks": {speaks}, "process": "{process}"}}).json
assert session["speaks"] is {speaks}, session
listener = socket.create_server(("127.0.0.1", {own_port}))
answer = node.register("{service}", "{name}", session=session["session"], address="127.0.0.1",
                       port=listener.getsockname()[1])
assert answer.status in (200, 201), answer
stream = node.stream("/v1/sessions/" + session["session"] + "/attach").open()
stream.expect("attached")
print("ready", listener.getsockname()[1], flush=True)
while True:
    time.sleep({ttl_ms} / 4000)
    if {speaks}:
        node.call("PUT", "/v1/sessions/" + session["session"] + "/heartbeat")
"""


class Process:
    """A provider in a process of its own, which can be stopped and killed."""

    def __init__(self, node, service, name, speaks=True, ttl_ms=TTL_MS, process="p1", own_port=0):
        script = SPEAKER.format(path=sys.path, port=node.port, ttl_ms=ttl_ms, speaks=speaks,
                                process=process, own_port=own_port, service=service, name=name)
        self.child = subprocess.Popen([sys.executable, "-B", "-c", script], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE)
        line = self.child.stdout.readline().split()
        assert line and line[0] == b"ready", "the provider did not register"
        self.port = int(line[1])

    def signal(self, sig):
        os.kill(self.child.pid, sig)

    def close(self):
        if self.child.poll() is None:
            self.signal(signal.SIGKILL)
            self.child.wait(10)
        self.child.stdout.close()


def shown(lists):
    return lists["app"].instances["a-1"].get("state", "up")


def wait_for(stream, kind, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        event = stream.event()
        if event.kind == kind:
            return event
    raise AssertionError(f"no {kind} within {seconds} s")


@pytest.fixture
def run(fast):
    made = []

    def make(service, name, node=None, **options):
        made.append(Process(node or fast, service, name, **options))
        return made[-1]

    yield make
    for process in made:
        process.close()


class TestSpeaking:
    def test_a_stopped_process_is_noticed_within_its_ttl_and_comes_back(self, fast, run):
        process = run("app", "a-1")
        fast.register("app", "other", persistent=True)
        lists = Lists()
        with fast.watch("app").open() as watch:
            lists.follow(watch, lambda held: len(held["app"].instances) == 2)
            process.signal(signal.SIGSTOP)
            stopped = time.monotonic()
            lists.follow(watch, lambda held: shown(held) != "up")
            assert time.monotonic() - stopped < 1.5 * TTL_MS / 1000
            assert shown(lists) in ("suspect", "unattended")
            process.signal(signal.SIGCONT)
            lists.follow(watch, lambda held: shown(held) == "up")

    def test_a_connection_counts_for_one_that_does_not_speak(self, fast, run):
        """As in release 0.1, and flagged."""
        before = fast.metrics()["callbook_sessions_mute"]
        run("app", "speaks")
        process = run("app", "a-1", speaks=False)
        until(lambda: fast.metrics()["callbook_sessions_mute"] == before + 1, what="the count")
        process.signal(signal.SIGSTOP)
        time.sleep(2 * TTL_MS / 1000)  # what is shown is that nothing happens
        assert state_of(fast, "app", "a-1") == "up"
        process.close()
        until(lambda: fast.metrics()["callbook_sessions_mute"] == before, what="the count")

    def test_a_registry_that_stood_still_blames_nobody(self, fast, run):
        run("app", "a-1")
        run("app", "a-2", process="p2")
        os.kill(fast.pid, signal.SIGSTOP)
        time.sleep(3)
        os.kill(fast.pid, signal.SIGCONT)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            listed = fast.get("app")["instances"]
            assert [(one["id"], one.get("state", "up")) for one in listed] == \
                [("a-1", "up"), ("a-2", "up")]
            time.sleep(0.05)

    def test_three_consumers_lower_one_that_only_its_kernel_answers_for(self, fast, run):
        process = run("app", "a-1", ttl_ms=20_000)
        process.signal(signal.SIGSTOP)
        assert state_of(fast, "app", "a-1") == "up"
        for consumer in ("x", "y", "z"):
            fast.call("POST", path_of("app", "a-1") + f"/report?by={consumer}")
        until(lambda: state_of(fast, "app", "a-1") == "suspect")
        process.signal(signal.SIGCONT)
        until(lambda: state_of(fast, "app", "a-1") == "up", seconds=15)


class TestAddresses:
    def test_an_address_that_another_service_has_by_now_is_taken(self, fast, run):
        """bug-reports B3: the port of a dead process is taken by another service."""
        dead = run("a", "a-1")
        fast.register("a", "a-2", persistent=True)
        dead.close()
        run("b", "b-1", process="p2", own_port=dead.port)
        until(lambda: state_of(fast, "a", "a-1") is None, seconds=10)
        assert state_of(fast, "b", "b-1") == "up"

    def test_workers_that_share_a_port_survive_a_stop_of_the_node(self, fast, provide):
        workers = [provide("app", f"w-{i}", ttl_ms=1500) for i in range(4)]
        for worker in workers:  # all at the address of the first
            fast.register("app", worker.name, session=worker.session, address="127.0.0.1",
                          port=workers[0].port)
        for worker in workers:
            worker.heartbeat()
        workers[1].hang()  # its connection breaks, and it says nothing for a while
        until(lambda: state_of(fast, "app", "w-1") == "unattended")
        time.sleep(1)
        assert len(fast.get("app")["instances"]) == 4
        workers[1].heartbeat()
        until(lambda: state_of(fast, "app", "w-1") == "up")


class TestOperators:
    def drain(self, node, service, name, **query):
        answer = node.call("DELETE", path_of(service, name, by="alice", reason="disk", **query))
        assert answer.status == 200, answer
        return answer.json

    def ids(self, node, service):
        return [one["id"] for one in node.get(service)["instances"]]

    @pytest.mark.parametrize("query", [{"drain": "1s"}, {}])
    def test_what_was_taken_out_stays_out(self, fast, provide, query):
        """bug-reports B2: through a broken connection, a new session of the process, and a restart."""
        provider = provide("app", "a-1")
        provide("app", "a-2")
        self.drain(fast, "app", "a-1", **query)
        until(lambda: self.ids(fast, "app") == ["a-2"])
        assert fast.get("app")["excluded"][0]["by"] == "alice"
        provider.hang()
        again = fast.register("app", "a-1", session=provider.session, address="127.0.0.1",
                              port=provider.port)
        assert again.status == 200
        assert self.ids(fast, "app") == ["a-2"]
        session = fast.open_session()
        fast.register("app", "a-1", session=session, address="127.0.0.1", port=provider.port)
        assert self.ids(fast, "app") == ["a-2"]
        fast.restart()
        assert self.ids(fast, "app") == ["a-2"]
        problem = fast.call("GET", path_of("app", "a-1")).json
        assert "alice: disk" in problem["detail"]
        fast.call("DELETE", path_of("app", "a-1") + "/override?by=bob")
        assert self.ids(fast, "app") == ["a-1", "a-2"]

    def test_another_process_takes_its_place(self, fast, run):
        old = run("app", "a-1", process="p1")
        self.drain(fast, "app", "a-1")
        assert self.ids(fast, "app") == []
        old.close()
        run("app", "a-1", process="p2")
        assert self.ids(fast, "app") == ["a-1"]

    def test_the_holder_is_told(self, fast, provide):
        provider = provide("app", "a-1")
        self.drain(fast, "app", "a-1")
        event = wait_for(provider.stream, "drained")
        assert event.data == {"service": "app", "id": "a-1", "action": "deregister", "by": "alice",
                              "reason": "disk"}
        fast.call("DELETE", path_of("app", "a-1") + "/override?by=bob")
        assert wait_for(provider.stream, "restored").data["id"] == "a-1"

    def test_the_providers_own_removal_is_no_operators(self, fast, provide):
        provider = provide("app", "a-1")
        fast.call("DELETE", path_of("app", "a-1", session=provider.session))
        fast.register("app", "a-1", session=provider.session, address="127.0.0.1",
                      port=provider.port)
        assert self.ids(fast, "app") == ["a-1"]

    @pytest.mark.parametrize("query, field", [({"by": ""}, "by"), ({"reason": "x"}, "reason"),
                                              ({"by": "a" * 129}, "by")])
    def test_bad_words(self, fast, provide, query, field):
        provide("app", "a-1")
        answer = fast.call("DELETE", path_of("app", "a-1", **query))
        assert answer.status in (400, 422)
        assert answer.json["field"] == field
        assert self.ids(fast, "app") == ["a-1"]


class TestAnIdThatASessionHolds:
    HOLDERS = [{"persistent": True}, {"ttl_ms": 5000}, {"check": {"tcp": {}}}]

    @pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: next(iter(holder)))
    def test_no_registration_without_a_session_takes_it_while_it_lives_elsewhere(
            self, fast, provide, holder):
        provider = provide("app", "a-1")
        elsewhere = {"address": "127.0.0.1", "port": fast.port, **holder}
        assert_problem(fast.call("PUT", path_of("app", "a-1"), elsewhere), 409, "conflict", "id")
        line = fast.batch([{"op": "register", "service": "app", "id": "a-1", **elsewhere}])[0]
        assert (line["status"], line["title"]) == (409, "conflict")
        assert fast.get("app")["instances"][0]["port"] == provider.port
        insists = fast.call("PUT", path_of("app", "a-1", take_over="true"), elsewhere)
        assert insists.status == 200, insists
        assert fast.get("app")["instances"][0]["port"] == fast.port

    @pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: next(iter(holder)))
    def test_at_its_place_or_when_it_is_gone_it_is_taken(self, fast, provide, holder):
        here, gone = provide("app", "a-1"), provide("app", "a-2")
        place = {"address": "127.0.0.1", "port": here.port, **holder}
        assert fast.call("PUT", path_of("app", "a-1"), place).status == 200
        gone.hang()
        until(lambda: state_of(fast, "app", "a-2") != "up")
        assert fast.call("PUT", path_of("app", "a-2"), {**place, "port": fast.port}).status == 200


class TestStatus:
    def say(self, node, name, status, **more):
        return node.call("PUT", path_of("app", name) + "/status", {"status": status, **more})

    def test_it_is_believed_of_the_last_one_too_and_watchers_are_told_why(self, fast, provide):
        provider = provide("app", "a-1", status="starting")
        assert state_of(fast, "app", "a-1") == "starting"
        assert self.say(fast, "a-1", "up").status == 200
        lists = Lists()
        with fast.watch("app").open() as watch:
            lists.follow(watch, lambda held: len(held["app"].instances) == 1)
            self.say(fast, "a-1", "failing", text="disk full")
            lists.follow(watch, lambda held: shown(held) != "up")
            assert shown(lists) == "failing"
            assert lists.states[-1] == ("app", "a-1", "failing", "provider_status: disk full")
        one = fast.get("app")["instances"][0]
        assert one["status"] == {"status": "failing", "text": "disk full"}
        fast.restart()
        assert state_of(fast, "app", "a-1") == "failing"
        session = fast.open_session()
        provider.hang()
        fast.register("app", "a-1", session=session, address="127.0.0.1", port=provider.port)
        assert state_of(fast, "app", "a-1") == "up"  # another process

    def test_only_its_holder_may_say_so_where_it_is_named(self, fast, provide):
        provide("app", "a-1")
        other = fast.open_session()
        answer = fast.call("PUT", path_of("app", "a-1") + f"/status?session={other}",
                           {"status": "failing"})
        assert_problem(answer, 409, "conflict", "session")
        assert state_of(fast, "app", "a-1") == "up"

    @pytest.mark.parametrize("body, status, field", [
        ({"status": "ill"}, 400, "status"), ({}, 400, "status"), ({"text": "x"}, 400, "status"),
        ({"status": "up", "text": "x" * 513}, 422, "text"),
        ({"status": "up", "text": "\n"}, 400, "text"), ({"status": "up", "why": ""}, 400, "why")])
    def test_what_makes_no_sense_is_refused(self, fast, provide, body, status, field):
        provide("app", "a-1")
        answer = fast.call("PUT", path_of("app", "a-1") + "/status", body)
        assert answer.status == status and answer.json["field"] == field, answer


class TestLapse:
    def test_an_instance_follows_its_own_rule(self, fast):
        """trial M8: down when it says, gone when it says, whatever answers at its port."""
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        fast.register("app", "t-1", ttl_ms=1000, address="127.0.0.1", port=port,
                      lapse={"down_after_ms": 1500, "remove_after_ms": 3000, "probe": False})
        fast.register("app", "t-2", ttl_ms=1000, address="127.0.0.1", port=port, shares_port=True,
                      lapse={"down_after_ms": 1500, "probe": False})
        began = time.monotonic()
        until(lambda: state_of(fast, "app", "t-1") == "down")
        assert time.monotonic() - began > 1.2
        until(lambda: state_of(fast, "app", "t-1") is None)
        assert time.monotonic() - began > 2.7
        assert state_of(fast, "app", "t-2") == "down"
        assert fast.call("PUT", path_of("app", "t-2") + "/heartbeat").status == 200
        assert state_of(fast, "app", "t-2") == "up"
        listener.close()

    @pytest.mark.parametrize("registration, field", [
        ({"persistent": True, "lapse": {}}, "lapse"),
        ({"ttl_ms": 5000, "lapse": {"down_after_ms": 4000}}, "lapse.down_after_ms"),
        ({"ttl_ms": 5000, "lapse": {"remove_after_ms": 4000}}, "lapse.remove_after_ms"),
        ({"ttl_ms": 5000, "lapse": {"remove_after_ms": 604800001}}, "lapse.remove_after_ms"),
        ({"ttl_ms": 5000, "lapse": {"never": 1}}, "never"),
        ({"ttl_ms": 5000, "lapse": 7}, "lapse"),
        ({"ttl_ms": 5000, "shares_port": "yes"}, "shares_port")])
    def test_rules_that_make_no_sense_are_refused(self, fast, registration, field):
        answer = fast.register("app", "t-1", address="10.0.0.1", port=1, **registration)
        assert answer.status in (400, 422) and answer.json["field"] == field, answer


class TestHeldIds:
    def claim(self, node, session, port, **query):
        return node.call("PUT", path_of("app", "x", **query),
                         {"address": "127.0.0.1", "port": port, "session": session})

    def test_a_living_holder_elsewhere_keeps_its_id(self, fast, run):
        """bug-reports B4."""
        holder = run("app", "x")
        rival = fast.open_session()
        answer = self.claim(fast, rival, holder.port + 1)
        assert_problem(answer, 409, "conflict", "id")
        assert str(holder.port) in answer.json["detail"]
        assert self.claim(fast, rival, holder.port + 1, take_over="true").status == 200

    def test_one_that_is_not_heard_does_not(self, fast, run):
        holder = run("app", "x")
        holder.close()
        rival = fast.open_session()
        assert self.claim(fast, rival, holder.port + 1).status == 200

    def test_the_same_process_comes_back_under_a_new_session(self, fast, run):
        holder = run("app", "x")
        again = fast.call("POST", "/v1/sessions", {"process": "p1"}).json["session"]
        assert self.claim(fast, again, holder.port + 1).status == 200
