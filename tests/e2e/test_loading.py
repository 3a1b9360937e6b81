"""A restart never shows an empty or partial list: until the store is replayed every read, watch and
registration is answered 503 not_ready."""

import json
import socket
import time

from lists import Lists, check_snapshot
from registry import Connection, assert_problem, path_of, registration
from test_log import wait_for

SERVICES = 300
EACH = 1000
LINES_A_BATCH = 10_000


def load(node):
    batch = []
    for s in range(SERVICES):
        for i in range(EACH):
            batch.append(registration(f"s-{s:03}", f"o-{i:04}", metadata={"n": str(i)}))
            if len(batch) == LINES_A_BATCH:
                assert {r["status"] for r in node.batch(batch)} == {201}
                batch.clear()
    assert not batch


def probes():
    """Everything that must not be answered from a partial catalog: method, path, body."""
    register = {"address": "10.0.0.1", "persistent": True}
    line = json.dumps(registration("late", "o-2"))
    return [
        ("GET", "/v1/services?limit=1", None),
        ("GET", path_of("s-000"), None),
        ("GET", path_of(f"s-{SERVICES - 1:03}"), None),
        ("GET", path_of("s-000", "o-0000"), None),
        ("GET", path_of("s-000", wait="1s", digest="AAAAAAAAAAA"), None),
        ("GET", "/v1/watch?service=s-000", None),
        ("POST", "/v1/watch", {"services": [{"service": "s-000"}]}),
        ("GET", "/v1/export", None),
        ("PUT", path_of("late", "o-1"), register),
        ("DELETE", path_of("late", "o-9"), None),
        ("POST", "/v1/batch", line),
        ("POST", "/v1/sessions", {}),
        ("PUT", "/v1/sessions/" + "0123456789abcdef" * 2 + "/heartbeat", None),
    ]


def connect_as_soon_as_possible(node, seconds=60):
    end = time.monotonic() + seconds
    while True:
        assert node.alive(), node.log
        assert time.monotonic() < end
        try:
            socket.create_connection(("127.0.0.1", node.port), 5).close()
            return Connection(node.port)
        except ConnectionRefusedError:
            pass


def check_is_whole(method, path, answer):
    """The first answer that is not a refusal comes from the whole catalog."""
    assert answer.status < 500, (method, path, answer)
    if method == "GET" and path in (path_of("s-000"), path_of(f"s-{SERVICES - 1:03}")):
        assert len(check_snapshot(answer.json)["instances"]) == EACH
    if path == "/v1/export":
        assert len(answer.lines) == SERVICES * EACH


def poll_until_serving(node, connection, refused):
    """Tries everything again and again. Returns the call that was the first to be served."""
    while True:
        for method, path, body in probes():
            if path.startswith("/v1/watch"):
                continue  # a stream would never end; tried by itself
            answer = connection.call(method, path, body)
            if answer.status != 503:
                check_is_whole(method, path, answer)
                return method, path
            assert_problem(answer, 503, "not_ready")
            refused[method, path] += 1
        check_pages_while_loading(connection)
        try_watch(node.watch("s-000"), ("GET", "/v1/watch?service=s-000"), refused)
        try_watch(node.resume({"s-000": None}), ("POST", "/v1/watch"), refused)


def test_no_partial_list_is_ever_seen(make_node):
    node = make_node("--log-format", "json").start()
    load(node)
    node.kill()
    node.spawn()
    connection = connect_as_soon_as_possible(node)
    act = path_of("orders", "o-1") + "/override?namespace=billing&by=mallory&reason=x"
    assert_problem(connection.call("DELETE", act), 503, "not_ready")
    refused = {(method, path): 0 for method, path, _ in probes()}
    served_first = poll_until_serving(node, connection, refused)
    listed = connection.call("GET", "/v1/services?prefix=s-").json["services"]
    assert sum(entry["instances"] for entry in listed) == SERVICES * EACH
    never = [probe for probe, count in refused.items() if count == 0]
    assert not never, f"these were never seen refused while loading: {never}"

    node.wait_ready()
    if served_first[1] != path_of("late", "o-1"):
        assert node.call("GET", path_of("late", "o-1")).status == 404, "refused but applied"
    connection.close()
    check_says_whose_act_was_refused(node)


def check_says_whose_act_was_refused(node):
    refused = wait_for(node, 1, "act_refused")[0]
    assert {name: refused[name] for name in
            ("act", "namespace", "service", "id", "by", "reason", "error")} == {
        "act": "restore", "namespace": "billing", "service": "orders", "id": "o-1",
        "by": "mallory", "reason": "x", "error": "not_ready"}


def check_pages_while_loading(connection):
    """Health is answered all the time; readiness says what is going on. Either page may find the
    node serving already."""
    assert connection.call("GET", "/healthz").status == 200
    ready = connection.call("GET", "/readyz")
    if ready.status == 503:
        page = ready.json
        assert page.get("ready", False) is False
        assert page["state"] == "loading", page
    else:
        assert ready.status == 200 and ready.json["ready"] is True
    assert connection.call("GET", "/metrics").status == 200


def try_watch(stream, probe, refused):
    with stream:
        stream.read_head()
        if stream.status == 503:
            length = int(stream.headers["content-length"])
            while len(stream.head_rest) < length:
                stream.head_rest += stream.socket.recv(4096)
            assert json.loads(stream.head_rest)["title"] == "not_ready"
            refused[probe] += 1
            return
        assert stream.status == 200
        stream.decoder.feed(stream.head_rest)
        lists = Lists()
        lists.follow(stream, lambda held: held["s-000"].whole)
        assert len(lists["s-000"].instances) == EACH
