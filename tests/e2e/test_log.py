"""What the log says of who did what, read from the standard error of real nodes."""

import json
import re
import socket

import pytest

from registry import assert_problem, path_of, registration, until
from test_lifecycle import run_server

JSON = ("--log-format", "json")
UNPROBED = ("--probe-rounds", "0", "--min-ttl-ms", "500")
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d "
                  r"(trace|debug|info|warning|error) (.*)$")


def lines_of(node):
    """The whole lines that have come so far."""
    return node.log.decode().split("\n")[:-1]


def events(node, *names):
    """The events of a node that logs JSON; every line must be an object with what all have."""
    found = []
    for line in lines_of(node):
        event = json.loads(line)
        assert event.keys() >= {"time", "level", "event", "message"}, line
        if event["event"] in names:
            found.append(event)
    return found


def texts(node):
    """Level and text of each line of a node that logs text."""
    parsed = []
    for line in lines_of(node):
        match = LINE.match(line)
        assert match, f"not a line of the log: {line!r}"
        parsed.append(match.groups())
    return parsed


def wait_for(node, count, *names, seconds=10):
    found = until(lambda: len(got := events(node, *names)) >= count and got, seconds,
                  f"{count} of {names}")
    assert len(found) == count, found
    return found


class Client:
    """A connection whose address is known."""

    def __init__(self, node):
        self.connection = node.connect()

    def call(self, method, path, body=None):
        return self.connection.call(method, path, body)

    @property
    def address(self):
        return "%s:%d" % self.connection._http.sock.getsockname()[:2]


def without(event, *names):
    return {name: value for name, value in event.items()
            if name not in ("time", "level", "message", *names)}


def test_each_act_of_an_operator_is_a_line_with_author_reason_and_peer(make_node):
    node = make_node(*JSON).start()
    node.register("orders", "o-1")
    node.register("orders", "o-1", namespace="billing")
    alice = Client(node)
    target = path_of("orders", "o-1") + "/override"
    assert alice.call("PUT", target, {"state": "out_of_service", "weight": 10, "by": "alice",
                                      "reason": "bad disk"}).status == 200
    assert alice.call("PUT", target + "?namespace=billing", {"weight": 0, "by": "alice"}).status == 200
    assert alice.call("DELETE", target + "?by=bob&reason=repaired").status == 200
    assert alice.call("POST", "/v1/services/orders/release?by=carol&reason=fire").status == 200
    assert alice.call("POST", "/v1/services/orders/release").status == 200
    acts = wait_for(node, 5, "override_set", "override_removed", "protection_released")
    caller = {"peer": alice.address, "dialect": "native"}
    assert [without(act) for act in acts] == [
        {"event": "override_set", "service": "orders", "id": "o-1", "state": "out_of_service",
         "weight": 10, "by": "alice", "reason": "bad disk", **caller},
        {"event": "override_set", "service": "orders", "namespace": "billing", "id": "o-1",
         "weight": 0, "by": "alice", **caller},
        {"event": "override_removed", "service": "orders", "id": "o-1", "by": "bob",
         "reason": "repaired", **caller},
        {"event": "protection_released", "service": "orders", "groups": 0, "by": "carol",
         "reason": "fire", **caller},
        {"event": "protection_released", "service": "orders", "groups": 0, **caller}]
    assert all(act["level"] == "info" for act in acts)


def test_a_refused_act_says_who_wanted_what_and_why_not(make_node):
    node = make_node(*JSON).start()
    node.register("orders", "o-1")
    mallory = Client(node)
    target = path_of("orders", "o-1") + "/override"
    assert_problem(mallory.call("PUT", path_of("orders", "o-2") + "/override",
                                {"weight": 0, "by": "mallory", "reason": "x"}), 404, "not_found")
    assert_problem(mallory.call("PUT", target, {"weight": 0}), 400, "invalid", "by")
    assert_problem(mallory.call("PUT", target, "{"), 400, "invalid")
    assert_problem(mallory.call("DELETE", target + "?by=mallory"), 404, "not_found")
    assert_problem(mallory.call("DELETE", target + "?by=mallory&typo=1"), 400, "invalid", "typo")
    assert_problem(mallory.call("POST", "/v1/services/none/release?by=mallory"), 404, "not_found")
    refused = wait_for(node, 6, "act_refused")
    assert {event["peer"] for event in refused} == {mallory.address}
    assert all(event["detail"] for event in refused)
    told = [f"{event['act']} {event['service']}/{event.get('id')} {event['error']} "
            f"by={event.get('by')} reason={event.get('reason')}" for event in refused]
    assert sorted(told) == [
        "override orders/o-1 invalid by=None reason=None",
        "override orders/o-1 invalid by=None reason=None",
        "override orders/o-2 not_found by=mallory reason=x",
        "release none/None not_found by=mallory reason=None",
        "restore orders/o-1 invalid by=mallory reason=None",
        "restore orders/o-1 not_found by=mallory reason=None"]


def test_a_flood_of_refused_acts_is_summed(make_node):
    node = make_node(*JSON).start()
    node.register("orders", "o-1")
    with node.connect() as connection:
        for _ in range(200):
            connection.call("DELETE", path_of("orders", "o-1") + "/override?by=mallory")

    def told():
        return (len(events(node, "act_refused"))
                + sum(event["count"] for event in events(node, "acts_refused")))

    until(lambda: told() == 200, 10, "a line for each or a sum")
    sums = events(node, "acts_refused")
    assert sums and len(sums) + len(events(node, "act_refused")) <= 40, sums
    assert sums[0]["error"] == "not_found" and sums[0]["first"][0].startswith(
        "restore of orders/o-1 from 127.0.0.1:")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nothing_that_is_said_forges_a_line(make_node, log_format):
    node = make_node("--log-format", log_format).start()
    node.register("orders", "o-1")
    evil = "fine\n2026-01-01T00:00:00.000+00:00 info override removed: orders/o-1 by=root"
    target = path_of("orders", "o-1") + "/override"
    # Refused for its control characters, and logged as refused.
    assert node.call("PUT", target, {"weight": 0, "by": "m", "reason": evil}).status == 400
    assert node.call("PUT", target, {"weight": 0, "by": "m", "reason": "\r\x1b[2K"}).status == 400
    # C1 and bidirectional controls are no control characters of ASCII: accepted, and escaped.
    assert node.call("PUT", target, {"weight": 0, "by": 'm" by="root',
                                     "reason": "\u009b2J\u202eeno\u2066"}).status == 200
    # Names that are none come as the path has them.
    assert node.call("POST", "/v1/services/a%0Ab%FF%20by=root/release?by=m").status == 400
    words = ("override_set", "act_refused") if log_format == "json" else None
    if words:
        told = wait_for(node, 4, *words)
        reasons = [event.get("reason") for event in told]
        assert evil in reasons and "\r\x1b[2K" in reasons and "\u009b2J\u202eeno\u2066" in reasons
        assert [event["by"] for event in told if event["event"] == "override_set"] == [
            'm" by="root']
        assert [event["service"] for event in told].count("a\nb\ufffd by=root") == 1
    else:
        until(lambda: len([t for _, t in texts(node) if t.startswith("refused: ")]) == 3, 10)
        told = "\n".join(text for _, text in texts(node))
        assert not any(text.startswith("override removed") for _, text in texts(node))
        assert 'reason="fine\\u000a2026-01-01T00:00:00.000+00:00 info override removed' in told
        assert 'reason="\\u000d\\u001b[2K"' in told
        assert 'by="m\\" by=\\"root" reason="\\u009b2J\\u202eeno\\u2066"' in told
        assert 'release of "a\\u000ab\\ufffd by=root"' in told
    raw = node.log.decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", raw)


def test_a_removal_names_instance_address_client_and_cause(make_node):
    node = make_node(*JSON, *UNPROBED).start()
    session = node.open_session(ttl_ms=500, client="orders@host-7")
    node.register("orders", "o-1", session=session, address="10.1.2.3", port=8080)
    idle = node.open_session(ttl_ms=500, client="idle@host-7")
    removed = wait_for(node, 1, "instance_removed", "instances_removed")[0]
    assert without(removed) == {
        "event": "instance_removed", "service": "orders", "id": "o-1", "cause": "session_expired",
        "address": "10.1.2.3:8080", "session": session[:12], "client": "orders@host-7"}
    ended = wait_for(node, 1, "session_ended")[0]
    assert (ended["session"], ended["client"]) == (idle[:12], "idle@host-7")
    assert session not in node.log.decode() and idle not in node.log.decode(), \
        "who knows a session may speak for it"


def test_a_drain_that_is_over_is_a_removal(make_node):
    node = make_node(*JSON).start()
    node.register("orders", "o-1")
    assert node.deregister("orders", "o-1", drain="200ms").status == 200
    assert wait_for(node, 1, "instance_removed")[0]["cause"] == "drained"


def test_a_mass_expiry_is_a_line_a_second_and_not_one_a_session(make_node):
    node = make_node(*JSON, *UNPROBED).start()
    sessions = 2_000
    with node.connect() as connection:
        ids = [connection.call("POST", "/v1/sessions", {"ttl_ms": 8_000}).json["session"]
               for _ in range(sessions)]
        node.batch([registration(f"s-{i % 3}", f"i-{i}", session=session)
                    for i, session in enumerate(ids)])
    # After a restart every lease runs anew in full: now they lapse all at once.
    node.kill()
    assert not events(node, "instance_removed", "instances_removed")
    node.log = b""
    node.start()
    until(lambda: sum(e.get("count", 1)
                      for e in events(node, "instance_removed", "instances_removed")) == sessions,
          30, "the removal of all")
    told = events(node, "instance_removed", "instances_removed", "session_ended", "sessions_ended")
    assert len(told) <= 5, told
    mass = max(told, key=lambda event: event.get("count", 1))
    assert mass["cause"] == "session_expired" and mass["services"] == 3 and len(mass["first"]) == 3
    assert mass["message"].startswith(
        f"removed {mass['count']} instances of 3 services: session_expired (first: s-")


def test_who_takes_an_id_over_and_from_whom(make_node):
    node = make_node(*JSON).start()
    old = node.open_session(client="old@host-1")
    node.register("orders", "o-1", session=old, address="10.0.0.1")
    new = node.open_session(client="new@host-2")
    client = Client(node)
    target = path_of("orders", "o-1", take_over="true")
    assert client.call("PUT", target, {"address": "10.0.0.2", "port": 80,
                                       "session": new}).status in (200, 201)
    taken = wait_for(node, 1, "instance_taken_over")[0]
    assert without(taken) == {
        "event": "instance_taken_over", "service": "orders", "id": "o-1", "by_session": new[:12],
        "by_client": "new@host-2", "session": old[:12], "client": "old@host-1",
        "peer": client.address, "dialect": "native"}


def test_what_providers_do_is_counted_once_a_second(make_node):
    node = make_node(*JSON).start()
    node.batch([registration("orders", f"o-{i}") for i in range(120)]
               + [registration("orders", f"o-{i}", weight=5) for i in range(8)]
               + [registration("orders", "o-0", weight=5)]
               + [{"op": "deregister", "service": "orders", "id": f"o-{i}"} for i in range(3)])
    counted = wait_for(node, 1, "registrations")[0]
    assert (counted["registered"], counted["updated"], counted["deregistered"]) == (120, 8, 3)
    assert counted["message"] == "registered 120, deregistered 3, updated 8 in the last second"
    # Nothing for a second in which there was nothing, and what came before a stop is not lost.
    session = node.open_session()
    node.register("orders", "p-1", session=session)
    assert node.call("DELETE", f"/v1/sessions/{session}").status == 200
    assert node.stop() == 0
    last = events(node, "registrations")
    assert len(last) == 2 and (last[1]["registered"], last[1]["deregistered"]) == (1, 1), last


def test_at_debug_each_registration_is_a_line(make_node):
    node = make_node("--log-level", "debug").start()
    node.register("orders", "o-1")
    node.register("orders", "o-1", weight=7)
    node.deregister("orders", "o-1")
    node.deregister("orders", "o-1")
    until(lambda: [t for _, t in texts(node) if t.startswith("refused: deregister")], 5)
    debug = [text for level, text in texts(node) if level == "debug"]
    assert [text.split(" peer=")[0] for text in debug] == [
        "registered: orders/o-1 address=10.0.0.1:8080", "updated: orders/o-1 address=10.0.0.1:8080",
        "deregistered: orders/o-1",
        "refused: deregister of orders/o-1 error=not_found "
        "detail=\"id: 'o-1' is not an instance of service 'orders'\""]
    assert not [text for _, text in texts(node) if "heartbeat" in text]


def test_at_warning_nothing_of_it_is_told(make_node):
    node = make_node("--log-level", "warning").start()
    node.register("orders", "o-1")
    node.call("PUT", path_of("orders", "o-1") + "/override", {"weight": 0, "by": "alice"})
    assert node.stop() == 0
    assert node.log == b""


@pytest.mark.parametrize("source", ["flag", "env", "file"])
def test_level_and_format_from_each_place(make_node, tmp_path, source):
    node = make_node()
    if source == "flag":
        node.flags += ["--log-level", "debug", "--log-format", "json"]
    elif source == "env":
        node.env = {"CALLBOOK_LOG_LEVEL": "debug", "CALLBOOK_LOG_FORMAT": "json"}
    else:
        config = tmp_path / "callbook.toml"
        config.write_text('log_level = "debug"\nlog_format = "json"\n')
        node.flags += ["--config", str(config)]
    node.start()
    node.register("orders", "o-1")
    wait_for(node, 1, "instance_registered")


@pytest.mark.parametrize("flag, value, names", [
    ("--log-level", "warn", "trace, debug, info, warning, error"),
    ("--log-format", "xml", "text, json")])
def test_levels_and_formats_that_are_none(flag, value, names):
    failed = run_server("--dev", "--http", "127.0.0.1:0", flag, value)
    assert failed.returncode == 2 and value in failed.stderr and names in failed.stderr, failed.stderr


def test_why_it_did_not_start_is_json_too(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        failed = run_server("--data", str(tmp_path / "data"), "--http", f"127.0.0.1:{port}", *JSON)
    assert failed.returncode == 1
    last = json.loads(failed.stderr.splitlines()[-1])
    assert last["level"] == "error" and f"127.0.0.1:{port}" in last["message"]


def test_only_the_node_that_decides_tells_it(make_cluster):
    cluster = make_cluster(flags=[*JSON, *UNPROBED, "--lost-after-ms", "2000",
                                  "--takeover-grace-ms", "1000"]).start()
    lost, *others = cluster.nodes
    # One lapses at its home, and all follow.
    session = lost.open_session(ttl_ms=1000, client="lapses")
    lost.register("orders", "o-1", session=session)
    for node in cluster.nodes:
        until(lambda: node.get("orders").get("empty", {}).get("causes") == {"session_expired": 1}, 20,
              "the removal everywhere")
    until(lambda: sum(len(events(node, "instance_removed")) for node in cluster.nodes) > 0, 5)
    assert [len(events(node, "instance_removed")) for node in cluster.nodes] == [1, 0, 0]
    # One is left behind by a node that dies: one of the others takes it over, and then removes it.
    left = lost.open_session(ttl_ms=3000, client="left")
    lost.register("stock", "s-1", session=left)
    for node in others:
        until(lambda: node.get("stock")["instances"], what="its arrival")
    name = lost.name
    lost.kill()

    def told(*names):
        return [event for node in others for event in events(node, *names)]

    until(lambda: told("instance_removed"), 30, "its removal")
    inherited = told("session_inherited")
    assert [without(event, "dialect") for event in inherited] == [
        {"event": "session_inherited", "cause": "home_lost", "node": name, "instances": 1,
         "session": left[:12], "client": "left"}]
    assert [(event["service"], event["id"], event["cause"]) for event in told("instance_removed")] == [
        ("stock", "s-1", "home_lost")]
