"""Every limit that an operator can set, at its edge, with small values."""

import json
import socket
import time
from pathlib import Path

import pytest

from http_stream import ChunkDecoder
from registry import Connection, assert_problem, path_of, registration, until
from test_bad_input import REQUEST, parse_answer, send_raw


def limited(make_node, **limits):
    flags = []
    for name, value in limits.items():
        flags += ["--" + name.replace("_", "-"), str(value)]
    return make_node(*flags).start()


def test_max_services(make_node):
    node = limited(make_node, max_services=3)
    for i in range(3):
        assert node.register(f"s-{i}", "o-1").status == 201
    assert_problem(node.register("s-3", "o-1"), 422, "limit_exceeded", "service", 3)
    assert node.register("s-2", "o-2").status == 201, "services that are known go on"
    assert_problem(node.register("s-0", "o-1", namespace="blue"), 422, "limit_exceeded", "service", 3)
    assert len(node.call("GET", "/v1/services").json["services"]) == 3
    node.restart()
    assert_problem(node.register("s-3", "o-1"), 422, "limit_exceeded", "service", 3)


def test_max_instances(make_node):
    node = limited(make_node, max_instances=5)
    for i in range(5):
        assert node.register(f"s-{i % 2}", f"o-{i}").status == 201
    assert_problem(node.register("s-0", "o-9"), 422, "limit_exceeded", "id", 5)
    assert node.register("s-0", "o-0", weight=3).status == 200, "known instances may change"
    assert node.deregister("s-0", "o-0").status == 200
    assert node.register("s-0", "o-9").status == 201


def test_max_sessions(make_node):
    node = limited(make_node, max_sessions=3)
    sessions = [node.open_session() for _ in range(3)]
    answer = node.call("POST", "/v1/sessions", {})
    assert_problem(answer, 422, "limit_exceeded", "session", 3)
    assert node.call("PUT", f"/v1/sessions/{sessions[0]}/heartbeat").status == 200
    assert node.call("POST", "/v1/sessions", {"resume": sessions[0]}).status == 200
    node.call("DELETE", f"/v1/sessions/{sessions[0]}")
    node.open_session()


def test_max_instances_per_session(make_node):
    node = limited(make_node, max_instances_per_session=4)
    session = node.open_session()
    for i in range(4):
        assert node.register(f"s-{i}", "o-1", session=session).status == 201
    answer = node.register("s-9", "o-1", session=session)
    assert_problem(answer, 422, "limit_exceeded", "session", 4)
    assert node.register("s-0", "o-1", session=session).json["result"] == "unchanged"
    assert node.register("s-9", "o-1", session=node.open_session()).status == 201


REGISTRATION_LIMITS = [
    ("max_metadata_entries", 3, "metadata", lambda n: {"metadata": {f"k{i}": "" for i in range(n)}}),
    ("max_metadata_name_bytes", 5, "metadata", lambda n: {"metadata": {"k" * n: "v"}}),
    ("max_metadata_value_bytes", 7, "metadata.k", lambda n: {"metadata": {"k": "v" * n}}),
    ("max_metadata_bytes", 50, "metadata", lambda n: {"metadata": {"k": "v" * (n - 1)}}),
    ("max_named_ports", 2, "ports", lambda n: {"ports": {f"p{i}": 1 for i in range(n)}}),
    ("max_weight", 1000, "weight", lambda n: {"weight": n}),
]


@pytest.mark.parametrize("name, limit, field, fields", REGISTRATION_LIMITS,
                         ids=[case[0] for case in REGISTRATION_LIMITS])
def test_limits_of_a_registration(make_node, name, limit, field, fields):
    node = limited(make_node, **{name: limit})
    assert node.register("s", "o-1", **fields(limit)).status == 201
    answer = node.register("s", "o-2", **fields(limit + 1))
    assert_problem(answer, 422, "limit_exceeded", field, limit)
    [line] = node.batch([registration("s", "o-2", **fields(limit + 1))])
    assert (line["status"], line["field"], line["limit"]) == (422, field, limit)


def test_max_client_bytes(make_node):
    node = limited(make_node, max_client_bytes=8)
    assert node.open_session(client="c" * 8)
    answer = node.call("POST", "/v1/sessions", {"client": "c" * 9})
    assert_problem(answer, 422, "limit_exceeded", "client", 8)


def test_ttl_limits(make_node):
    node = limited(make_node, min_ttl_ms=2500, max_ttl_ms=9000)
    for ttl_ms in (2500, 9000):
        assert node.register("s", "o-1", ttl_ms=ttl_ms).status in (200, 201)
        assert node.open_session(ttl_ms=ttl_ms)
    for ttl_ms, limit in ((2499, 2500), (9001, 9000)):
        answer = node.register("s", "o-1", ttl_ms=ttl_ms)
        assert_problem(answer, 422, "limit_exceeded", "ttl_ms", limit)
        answer = node.call("POST", "/v1/sessions", {"ttl_ms": ttl_ms})
        assert_problem(answer, 422, "limit_exceeded", "ttl_ms", limit)


def test_heartbeat_timing(make_node):
    node = limited(make_node, heartbeat_ms=500, missed_heartbeats=4)
    opened = node.call("POST", "/v1/sessions", {}).json
    assert (opened["ttl_ms"], opened["heartbeat_ms"]) == (2000, 500)


def test_heartbeats_are_spread_when_there_are_many(make_node):
    node = limited(make_node, max_heartbeats_per_s=2)
    opened = [node.call("POST", "/v1/sessions", {"ttl_ms": 3000}).json for _ in range(11)]
    assert opened[0]["heartbeat_ms"] == 1000
    # 10 sessions are open, 2 heartbeats a second: one every 5 s from each at the most.
    assert opened[-1]["heartbeat_ms"] >= 5000
    assert opened[-1]["ttl_ms"] >= 3 * opened[-1]["heartbeat_ms"] - 1500


def test_tombstone_ms(make_node):
    node = limited(make_node, tombstone_ms=500)
    node.register("s", "o-1")
    node.deregister("s", "o-1")
    until(lambda: node.get("s")["empty"] == {"reason": "never_registered"},
          what="the departure being forgotten")


def test_max_watched_services(make_node):
    node = limited(make_node, max_watched_services=3)
    with node.watch("a", "b", "c").open() as watch:
        watch.expect("snapshot")
    post = {"Content-Type": "application/json"}
    body = {"services": [{"service": s} for s in "abcd"]}
    assert_problem(node.call("POST", "/v1/watch", body, post), 422, "limit_exceeded", limit=3)
    answer = node.call("GET", "/v1/watch?service=a&service=b&service=c&service=d")
    assert_problem(answer, 422, "limit_exceeded", limit=3)


def test_max_batch_lines(make_node):
    node = limited(make_node, max_batch_lines=5)
    lines = [json.dumps(registration("s", f"o-{i}")) for i in range(6)]
    assert node.call("POST", "/v1/batch", "\n".join(lines[:5])).status == 200
    answer = node.call("POST", "/v1/batch", "\n".join(lines))
    assert_problem(answer, 422, "limit_exceeded", limit=5)
    assert len(node.get("s")["instances"]) == 5, "a batch that is too long is refused as a whole"


def test_max_wait_ms(make_node):
    node = limited(make_node, max_wait_ms=400)
    digest = node.get("s")["digest"]
    assert node.call("GET", path_of("s", wait="400ms", digest=digest)).status == 200
    answer = node.call("GET", path_of("s", wait="401ms", digest=digest))
    assert_problem(answer, 422, "limit_exceeded", "wait", 400)


def sized_body(size):
    """A valid registration of exactly `size` bytes."""
    body = '{"address":"10.0.0.1","persistent":true}'
    return (body + " " * (size - len(body))).encode()


def test_max_request_body_bytes(make_node):
    node = limited(make_node, max_request_body_bytes=600)
    assert node.call("PUT", path_of("s", "o-1"), sized_body(600)).status == 201
    answer = node.call("PUT", path_of("s", "o-2"), sized_body(601))
    assert_problem(answer, 413, "limit_exceeded", "body", 600)
    batch = [registration("s", f"o-{i}") for i in range(3, 30)]
    assert {r["status"] for r in node.batch(batch)} == {201}, "a batch has its own limit"


def chunked(body, size):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def batch_head(framing):
    return b"POST /v1/batch HTTP/1.1\r\nHost: e2e\r\nConnection: close\r\n" + framing + b"\r\n\r\n"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_max_body_bytes(make_node, framing):
    node = limited(make_node, max_body_bytes=1000)
    line = json.dumps(registration("s", "o-1")).encode()
    for size, status in ((1000, 200), (1001, 413)):
        body = line + b" " * (size - len(line))
        if framing == "length":
            sent = batch_head(b"Content-Length: %d" % size) + body
        else:
            sent = batch_head(b"Transfer-Encoding: chunked") + chunked(body, 100)
        text = send_raw(node.port, sent)
        assert int(text.split()[1]) == status, text
        if status == 413:
            assert_problem(parse_answer(text), 413, "limit_exceeded", "body", 1000)


def test_a_body_that_is_announced_too_large_is_not_waited_for(make_node):
    node = limited(make_node, max_body_bytes=1000)
    text = send_raw(node.port, batch_head(b"Content-Length: 1001"))
    assert_problem(parse_answer(text), 413, "limit_exceeded", "body", 1000)


def test_max_header_bytes(make_node):
    node = limited(make_node, max_header_bytes=1024)

    def request(size):
        begin = b"GET /healthz HTTP/1.1\r\nHost: e2e\r\nConnection: close\r\nX: "
        return begin + b"x" * (size - len(begin) - 4) + b"\r\n\r\n"

    assert send_raw(node.port, request(1024)).startswith(b"HTTP/1.1 200")
    answer = parse_answer(send_raw(node.port, request(1025)))
    assert_problem(answer, 431, "limit_exceeded", "header", 1024)


def test_max_connections(make_node):
    """The limit is per I/O thread, so one thread makes it exact."""
    node = limited(make_node, max_connections=5, io_threads=1)
    kept = [Connection(node.port) for _ in range(5)]
    assert all(c.call("GET", "/healthz").status == 200 for c in kept)
    text = send_raw(node.port, REQUEST)
    assert_problem(parse_answer(text), 503, "overloaded")
    kept.pop().close()
    until(lambda: b" 200 " in send_raw(node.port, REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
          what="a free place")
    assert all(c.call("GET", "/healthz").status == 200 for c in kept)
    for connection in kept:
        connection.close()


def read_answers(peer, count):
    """Reads `count` answers with Content-Length from a connection."""
    reader = peer.makefile("rb")
    answers = []
    for _ in range(count):
        status = int(reader.readline().split()[1])
        length = 0
        while (line := reader.readline().strip()):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answers.append((status, reader.read(length)))
    return answers


@pytest.mark.parametrize("limit", [{"max_pipelined": 2}, {"max_pipelined_bytes": 2000}])
def test_pipelining_beyond_the_limit_waits_and_loses_nothing(make_node, limit):
    node = limited(make_node, **limit)
    with socket.create_connection(("127.0.0.1", node.port), 30) as peer:
        digest = node.get("s-000")["digest"]
        first = f"GET /v1/services/s-000?wait=1s&digest={digest} HTTP/1.1\r\nHost: e\r\n\r\n"
        rest = "".join(f"GET /v1/services/s-{i:03} HTTP/1.1\r\nHost: e\r\n\r\n" for i in range(1, 300))
        peer.sendall((first + rest).encode())
        answers = read_answers(peer, 300)
    assert [status for status, _ in answers] == [200] * 300
    assert [json.loads(body)["service"] for _, body in answers] == [f"s-{i:03}" for i in range(300)]


TIMEOUTS = [
    ("header_timeout_ms", b"GET /healthz HTTP/1.1\r\nHost: e2e\r\n", 408),
    ("body_timeout_ms", b"POST /v1/batch HTTP/1.1\r\nHost: e2e\r\nContent-Length: 10\r\n\r\n{", 408),
    ("idle_timeout_ms", b"", None),
]


@pytest.mark.parametrize("name, sent, status", TIMEOUTS, ids=[case[0] for case in TIMEOUTS])
def test_time_outs_of_a_silent_client(make_node, name, sent, status):
    node = limited(make_node, **{name: 600})
    begin = time.monotonic()
    text = send_raw(node.port, sent)
    assert time.monotonic() - begin >= 0.59
    if status is None:
        assert text == b""
    else:
        answer = parse_answer(text)
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_busy_connection_is_not_idle(make_node):
    node = limited(make_node, idle_timeout_ms=1500)
    with node.connect() as connection:
        for _ in range(6):
            time.sleep(0.4)
            assert connection.call("GET", "/healthz").status == 200


def test_a_stream_is_not_idle(make_node):
    node = limited(make_node, idle_timeout_ms=300, write_timeout_ms=300, body_timeout_ms=300,
                   header_timeout_ms=300)
    with node.watch("s").open() as watch:
        watch.expect("snapshot")
        with pytest.raises(TimeoutError):
            watch.event(1.5)
        node.register("s", "o-1")
        assert list(watch.expect("delta").data["put"]) == ["o-1"]


def reader_that_stops(node):
    """A connection that asks for far more than the kernel holds and reads nothing."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(("127.0.0.1", node.port))
    peer.sendall(b"GET /v1/services/big HTTP/1.1\r\nHost: e2e\r\n\r\n")
    return peer


@pytest.mark.parametrize("limit", [{"write_timeout_ms": 700, "user_timeout_ms": 600_000},
                                   {"write_timeout_ms": 600_000, "user_timeout_ms": 700}],
                         ids=["write_timeout_ms", "user_timeout_ms"])
def test_a_reader_that_stops_is_dropped(make_node, limit):
    node = limited(make_node, **limit)
    fill = {f"k{i}": "v" * 1000 for i in range(8)}
    for part in range(10):  # 8 MB
        node.batch([registration("big", f"o-{part}-{i}", metadata=fill) for i in range(100)])
    peer = reader_that_stops(node)
    client_port = peer.getsockname()[1]
    until(lambda: is_connected(node, client_port), what="the connection")
    until(lambda: not is_connected(node, client_port), 60, "the server giving up the connection")
    peer.close()


def is_connected(node, client_port):
    """Whether the server's end of a connection is established, by /proc/net/tcp."""
    local_end, remote_end = f":{node.port:04X}", f":{client_port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if local.endswith(local_end) and remote.endswith(remote_end) and state == "01":
            return True
    return False


def test_the_decoder_of_chunks_is_strict():
    decoder = ChunkDecoder()
    with pytest.raises(AssertionError):
        decoder.feed(b"2\r\nabXX")
