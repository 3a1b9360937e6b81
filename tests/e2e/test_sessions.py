"""Sessions: what keeps them, what ends them, and what becomes of their instances."""

import socket
import time

import pytest

from http_stream import Stream, StreamEnded
from lists import Lists
from registry import assert_problem, check_problem, until

UNKNOWN = "0123456789abcdef0123456789abcdef"


def heartbeat(node, session):
    return node.call("PUT", f"/v1/sessions/{session}/heartbeat")


def attach(node, session):
    return node.stream(f"/v1/sessions/{session}/attach")


def test_open_answers_what_the_client_needs(shared_node):
    answer = shared_node.call("POST", "/v1/sessions", {"ttl_ms": 6000, "client": "orders@host-7"})
    assert answer.status == 201
    opened = answer.json
    assert len(opened["session"]) == 32 and int(opened["session"], 16)
    assert opened["ttl_ms"] == 6000 and opened["heartbeat_ms"] == 2000
    assert opened["nodes"] == [f"127.0.0.1:{shared_node.port}"]
    for body in ({}, None):
        bare = shared_node.call("POST", "/v1/sessions", body)
        assert bare.status == 201 and bare.json["ttl_ms"] == 6000
        assert bare.json["session"] != opened["session"]


def test_heartbeat_and_resume(shared_node):
    session = shared_node.open_session(ttl_ms=30000)
    beat = heartbeat(shared_node, session)
    assert beat.status == 200 and beat.json == {"ttl_ms": 30000, "heartbeat_ms": 10000}
    resumed = shared_node.call("POST", "/v1/sessions", {"resume": session})
    assert resumed.status == 200 and resumed.json["session"] == session
    assert resumed.json["ttl_ms"] == 30000


def test_unknown_sessions(shared_node):
    node = shared_node
    assert_problem(heartbeat(node, UNKNOWN), 404, "not_found", "session")
    assert_problem(node.call("DELETE", f"/v1/sessions/{UNKNOWN}"), 404, "not_found", "session")
    assert_problem(node.call("GET", f"/v1/sessions/{UNKNOWN}/attach"), 404, "not_found", "session")
    assert_problem(node.call("POST", "/v1/sessions", {"resume": UNKNOWN}), 404, "not_found")
    assert_problem(node.register("unknown", "o-1", session=UNKNOWN), 404, "not_found", "session")
    answer = node.call("GET", f"/v1/watch?service=unknown&session={UNKNOWN}")
    assert_problem(answer, 404, "not_found", "session")


@pytest.mark.parametrize("spelling", ["short", UNKNOWN.upper(), UNKNOWN + "0", "g" * 32])
def test_session_ids_have_one_spelling(shared_node, spelling):
    answer = heartbeat(shared_node, spelling)
    assert answer.status in (400, 404), answer
    assert_problem(answer, answer.status, {400: "invalid", 404: "not_found"}[answer.status])


def test_close_takes_the_instances_along(shared_node):
    node = shared_node
    session = node.open_session()
    for i in range(3):
        assert node.register("closed", f"o-{i}", session=session).status == 201
    lists = Lists()
    with node.watch("closed").open() as watch:
        lists.take(watch.expect("snapshot"))
        answer = node.call("DELETE", f"/v1/sessions/{session}")
        assert answer.status == 200 and answer.json == {"instances": 3}
        [event] = lists.follow(watch, lambda held: not held["closed"].instances)
        assert event.kind == "snapshot", "an emptied list comes as one snapshot"
        assert event.data["empty"] == {"reason": "all_left", "causes": {"session_closed": 3}}
    assert_problem(heartbeat(node, session), 404, "not_found", "session")
    assert_problem(node.register("closed", "o-1", session=session), 404, "not_found", "session")


def test_expiry_names_its_cause(shared_node):
    node = shared_node
    begin = time.monotonic()
    session = node.open_session(ttl_ms=1000)
    node.register("expiring", "o-1", session=session)
    node.register("expiring", "o-2", persistent=True)
    lists = Lists()
    with node.watch("expiring").open() as watch:
        lists.follow(watch, lambda held: not {"o-1"} & held["expiring"].instances.keys()
                     and held["expiring"].whole)
    assert time.monotonic() - begin >= 0.99
    assert lists.causes == [("expiring", "o-1", "session_expired")]
    assert_problem(heartbeat(node, session), 404, "not_found", "session")


def test_heartbeats_keep_it_and_silence_ends_it(shared_node):
    node = shared_node
    session = node.open_session(ttl_ms=2000)
    node.register("beating", "o-1", session=session)
    with node.watch("beating").open() as watch:
        watch.expect("snapshot")
        for _ in range(12):  # 3 s in all
            with pytest.raises(TimeoutError):
                watch.event(0.25)
            assert heartbeat(node, session).status == 200
        emptied = watch.expect_past_alive("snapshot").data
        assert emptied["empty"]["causes"] == {"session_expired": 1}


def test_a_batch_heartbeat_counts(shared_node):
    node = shared_node
    session = node.open_session(ttl_ms=2000)
    for _ in range(10):  # 3 s in all
        time.sleep(0.3)
        assert node.batch([{"op": "heartbeat", "session": session}])[0]["status"] == 200


def test_attach_keeps_the_session_beyond_its_ttl(shared_node):
    node = shared_node
    session = node.open_session(ttl_ms=1000)
    node.register("attached", "o-1", session=session)
    with node.watch("attached").open() as watch:
        watch.expect("snapshot")
        with attach(node, session).open() as stream:
            attached = stream.expect("attached").data
            assert attached["session"] == session and attached["ttl_ms"] == 1000
            assert attached["nodes"] == [f"127.0.0.1:{node.port}"]
            for _ in range(6):  # one about every heartbeat_ms, 333 ms
                assert stream.expect("alive", 10).data == {}
            with pytest.raises(TimeoutError):
                watch.event(0.01)
            detached = time.monotonic()
        emptied = watch.expect("snapshot").data
        assert time.monotonic() - detached >= 0.95, "the TTL runs anew from the detaching"
        assert emptied["empty"]["causes"] == {"session_expired": 1}


def test_two_attachments(shared_node):
    """The session hangs on the last connection that is left."""
    node = shared_node
    session = node.open_session(ttl_ms=1000)
    node.register("twice", "o-1", session=session)
    with attach(node, session).open() as stays:
        with attach(node, session).open() as goes:
            goes.expect("attached")
        stays.expect("attached")
        for _ in range(6):
            stays.expect("alive", 10)
        assert len(node.get("twice")["instances"]) == 1
    until(lambda: not node.get("twice")["instances"], what="expiry")


def test_attach_is_told_of_the_close(shared_node):
    node = shared_node
    session = node.open_session()
    with attach(node, session).open() as stream:
        stream.expect("attached")
        assert node.call("DELETE", f"/v1/sessions/{session}").status == 200
        events = stream.expect_end()
    assert events[-1].kind == "ended"
    check_problem(events[-1].data, 404, "not_found")


def test_a_watch_can_carry_the_session(shared_node):
    node = shared_node
    session = node.open_session(ttl_ms=1000)
    node.register("carried", "o-1", session=session)
    lists = Lists()
    with node.watch("carried", session=session).open() as watch:
        lists.take(watch.expect("snapshot"))
        try:
            lists.follow(watch, lambda held: not held["carried"].instances, seconds=2.5)
            raise AssertionError("the instance left while its session was carried")
        except TimeoutError:
            pass
    until(lambda: not node.get("carried")["instances"], what="expiry")
    assert node.get("carried")["empty"]["causes"] == {"session_expired": 1}


def test_the_later_session_wins(shared_node):
    node = shared_node
    first, second = node.open_session(), node.open_session()
    assert node.register("claimed", "o-1", session=first, weight=1).status == 201
    with attach(node, first).open() as stream:
        stream.expect("attached")
        assert node.register("claimed", "o-1", session=second, weight=2).status == 200
        events = stream.expect_end()
        assert events[-1].kind == "ended"
        check_problem(events[-1].data, 409, "superseded")
    assert_problem(heartbeat(node, first), 409, "superseded", "id")
    assert_problem(node.register("claimed", "o-1", session=first), 409, "superseded", "id")
    assert_problem(node.call("POST", "/v1/sessions", {"resume": first}), 409, "superseded")
    assert node.get("claimed")["instances"][0]["weight"] == 2
    assert heartbeat(node, second).status == 200
    # What the superseded one says as it stops takes nothing that is no longer its own.
    late = node.deregister("claimed", "o-1", session=first)
    assert_problem(late, 409, "conflict", "session")
    assert_problem(node.deregister("claimed", "o-1", session="x"), 400, "invalid", "session")
    assert node.call("DELETE", f"/v1/sessions/{first}").json == {"instances": 0}
    assert len(node.get("claimed")["instances"]) == 1


def test_a_cut_attach_stream_is_reported_as_cut():
    """The reader itself: a stream without its last chunk must not pass for a clean end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = Stream(listener.getsockname()[1], "/x")
        peer, _ = listener.accept()
        peer.recv(4096)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n")
        peer.close()
        stream.open()
        with pytest.raises(StreamEnded) as caught:
            stream.event(5)
        assert not caught.value.clean
        stream.close()
