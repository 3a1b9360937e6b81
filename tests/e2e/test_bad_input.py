"""What no client should send: each answered with problem+json that names the field and the limit,
and the server goes on."""

import json
import socket
from dataclasses import dataclass

import pytest

from registry import Answer, assert_problem, path_of

PUT = path_of("bad", "o-1")
JSON = {"Content-Type": "application/json"}
NAME_LIMIT = 128


@dataclass
class Case:
    name: str
    method: str
    path: str
    body: object = None
    status: object = 400
    title: str = "invalid"
    field: str | None = None
    limit: int | None = None


def put(name, status=400, title="invalid", field=None, limit=None, **fields):
    body = {"address": "10.0.0.1", "persistent": True, **fields}
    return Case(name, "PUT", PUT, body, status, title, field, limit)


def raw(name, body, field=None, status=400, title="invalid"):
    return Case(name, "PUT", PUT, body, status, title, field)


def over(name, field, limit, **fields):
    return put(name, 422, "limit_exceeded", field, limit, **fields)


VALID = b'{"address":"10.0.0.1","persistent":true}'
NIL = "0" * 32  # as a client that never got its session may send it
EITHER = (400, 422)  # a number out of its type's range or over its limit: both are right

BODIES = [
    raw("no body", b"", None),
    raw("not json", b"hello"),
    raw("cut off", VALID[:-1]),
    raw("two documents", VALID + VALID),
    raw("trailing comma", b'{"address":"10.0.0.1","persistent":true,}'),
    raw("single quotes", b"{'address':'10.0.0.1','persistent':true}"),
    raw("array", b"[]"),
    raw("null", b"null"),
    raw("text", b'"x"'),
    raw("a NUL in the text", VALID.replace(b"10.", b"10\0")),
    raw("invalid UTF-8", VALID.replace(b"10.", b"\xff\xfe")),
    raw("lone surrogate", b'{"address":"\\ud800","persistent":true}'),
    raw("overlong UTF-8", b'{"address":"10.0.0.1","persistent":true,"zone":"\xc0\xaf"}'),
    raw("byte order mark 16", VALID.decode().encode("utf-16")),
    raw("a key twice", b'{"address":"10.0.0.1","address":"10.0.0.2","persistent":true}', "address"),
    raw("a metadata key twice",
        b'{"address":"10.0.0.1","persistent":true,"metadata":{"k":"1","k":"2"}}'),
    raw("a port name twice",
        b'{"address":"10.0.0.1","persistent":true,"ports":{"k":1,"k":2}}'),
    raw("deep nesting", b'{"address":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    raw("deep nesting, not closed", b'{"metadata":{"a":' * 10_000),
    raw("number too large for anything",
        b'{"address":"10.0.0.1","persistent":true,"weight":1' + b"0" * 400 + b"}", "weight"),
    put("unknown field", field="wieght", wieght=3),
    put("a check that is no object", field="check.tcp", check={"tcp": "10.0.0.1:80"}),
    Case("no address", "PUT", PUT, {"persistent": True}, field="address"),
    put("address number", field="address", address=7),
    put("address null", field="address", address=None),
    put("address empty", field="address", address=""),
    put("address with a space", field="address", address="10.0.0.1 "),
    put("address with a line feed", field="address", address="10.0.0.1\n"),
    put("address not ASCII", field="address", address="größe.example"),
    *[put(f"address {address}", field="address", address=address) for address in (
        "256.1.1.1", "1.2.3.4.5", "1.2.3", "010.0.0.1", "2130706433", "0x7f.1", "127.1",
        "10.0.0.1:80", "[::1]", "[::1]:80", "fe80::1%eth0", "http://10.0.0.1", "1::2::3",
        "0.0.0.0", "::", "::ffff:0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.2.3", "ff02::1",
        "host..example", "-host", "host-", ".", "_dmarc.example", "a/b")],
    over("address with a label too long", "address", 63, address="a" * 64 + ".example"),
    over("address too long", "address", 253, address="a" * 254),
    put("port text", field="port", port="8080"),
    put("port negative", EITHER, None, "port", port=-1),
    put("port 65536", EITHER, None, "port", port=65536),
    put("port float", field="port", port=80.5),
    put("port bool", field="port", port=True),
    put("port huge", EITHER, None, "port", port=2**63),
    put("port null", field="port", port=None),
    put("ports array", field="ports", ports=[1]),
    put("named port 0", EITHER, None, "ports.grpc", ports={"grpc": 0}),
    put("named port 65536", EITHER, None, "ports.grpc", ports={"grpc": 65536}),
    put("named port text", field="ports.grpc", ports={"grpc": "1"}),
    put("port name empty", field="ports", ports={"": 1}),
    put("port name with a space", field="ports", ports={"a b": 1}),
    over("too many ports", "ports", 16, ports={f"p{i}": 1 for i in range(17)}),
    put("weight text", field="weight", weight="0"),
    put("weight negative", EITHER, None, "weight", weight=-1),
    put("weight float", field="weight", weight=1.5),
    put("weight exponent", field="weight", weight=1e300),
    put("weight bool", field="weight", weight=False),
    put("weight null", field="weight", weight=None),
    over("weight one too much", "weight", 65535, weight=65536),
    put("weight huge", EITHER, None, "weight", weight=2**64),
    put("weight object", field="weight", weight={}),
    put("zone number", field="zone", zone=1),
    put("zone with a space", field="zone", zone="a b"),
    over("zone too long", "zone", NAME_LIMIT, zone="z" * 129),
    put("metadata text", field="metadata", metadata="k=v"),
    put("metadata null", field="metadata", metadata=None),
    put("metadata number value", field="metadata.k", metadata={"k": 1}),
    put("metadata nested", field="metadata.k", metadata={"k": {"a": "b"}}),
    put("metadata key empty", field="metadata", metadata={"": "v"}),
    put("metadata key with a tab", metadata={"a\tb": "v"}, field="metadata"),
    put("metadata value with a line feed", field="metadata.k", metadata={"k": "a\nb"}),
    put("metadata value with DEL", field="metadata.k", metadata={"k": "\x7f"}),
    over("65 metadata keys", "metadata", 64, metadata={f"k{i}": "" for i in range(65)}),
    over("10,000 metadata keys", "metadata", 64, metadata={f"k{i}": "" for i in range(10_000)}),
    over("metadata key too long", "metadata", 128, metadata={"k" * 129: "v"}),
    over("metadata value too long", "metadata.k", 1024, metadata={"k": "v" * 1025}),
    over("metadata value too long in bytes", "metadata.k", 1024, metadata={"k": "ö" * 513}),
    over("metadata too large", "metadata", 8192, metadata={f"k{i}": "v" * 1023 for i in range(9)}),
    put("persistent false", field="persistent", persistent=False),
    Case("session not hex", "PUT", PUT, {"address": "a", "session": "not-hex"}, field="session"),
    Case("session number", "PUT", PUT, {"address": "a", "session": 7}, field="session"),
    Case("session nil", "PUT", PUT, {"address": "a", "session": NIL}, field="session"),
    Case("session resume nil", "POST", "/v1/sessions", {"resume": NIL}, field="resume"),
    put("ttl text", field="ttl_ms", ttl_ms="1s"),
    put("ttl float", field="ttl_ms", ttl_ms=1000.5),
    put("persistent text", field="persistent", persistent="yes"),
    put("persistent number", field="persistent", persistent=1),
    Case("ttl too short", "PUT", PUT, {"address": "a", "ttl_ms": 999}, 422, "limit_exceeded",
         "ttl_ms", 1000),
    Case("ttl too long", "PUT", PUT, {"address": "a", "ttl_ms": 86_400_001}, 422, "limit_exceeded",
         "ttl_ms", 86_400_000),
    Case("ttl 0", "PUT", PUT, {"address": "a", "ttl_ms": 0}, EITHER, None, "ttl_ms"),
    Case("ttl negative", "PUT", PUT, {"address": "a", "ttl_ms": -5}, EITHER, None, "ttl_ms"),
    Case("session ttl too short", "POST", "/v1/sessions", {"ttl_ms": 999}, 422, "limit_exceeded",
         "ttl_ms", 1000),
    Case("session ttl text", "POST", "/v1/sessions", {"ttl_ms": "6000"}, field="ttl_ms"),
    Case("session client too long", "POST", "/v1/sessions", {"client": "c" * 257}, 422,
         "limit_exceeded", "client", 256),
    Case("session client with a NUL", "POST", "/v1/sessions", {"client": "a\0b"}, field="client"),
    Case("session unknown field", "POST", "/v1/sessions", {"ttl": 6000}, field="ttl"),
    Case("session resume not hex", "POST", "/v1/sessions", {"resume": "x"}, (400, 404), None),
    Case("watch services text", "POST", "/v1/watch", {"services": "a"}, field="services"),
    Case("watch service number", "POST", "/v1/watch", {"services": [1]}),
    Case("watch service unknown field", "POST", "/v1/watch",
         {"services": [{"service": "a", "digset": "x"}]}, field="digset"),
    Case("watch unknown field", "POST", "/v1/watch", {"services": [{"service": "a"}], "x": 1},
         field="x"),
    Case("watch 1,001 services", "POST", "/v1/watch",
         {"services": [{"service": f"s{i}"} for i in range(1001)]}, 422, "limit_exceeded", None,
         1000),
]

PATHS = [
    Case("heartbeat of the nil session", "PUT", f"/v1/sessions/{NIL}/heartbeat", field="session"),
    Case("attach to the nil session", "GET", f"/v1/sessions/{NIL}/attach", field="session"),
    Case("close the nil session", "DELETE", f"/v1/sessions/{NIL}", field="session"),
    Case("watch with the nil session", "GET", f"/v1/watch?service=a&session={NIL}", field="session"),
    Case("deregister for the nil session", "DELETE", PUT + f"?session={NIL}", field="session"),
    Case("unknown query parameter", "GET", path_of("bad", watch="1"), field="watch"),
    Case("unknown parameter of a PUT", "PUT", PUT + "?acc=logged", VALID, field="acc"),
    Case("unknown parameter of a page", "GET", "/v1/services?page=2", field="page"),
    Case("a parameter twice", "GET", "/v1/services?limit=1&limit=2", field="limit"),
    Case("bad escape in the path", "GET", "/v1/services/%zz", field="path"),
    Case("cut escape in the path", "GET", "/v1/services/a%2", field="path"),
    Case("lone percent", "GET", "/v1/services/%", field="path"),
    Case("NUL in the path", "GET", "/v1/services/a%00b", field="path"),
    Case("NUL in the query", "GET", "/v1/services?prefix=a%00", field="prefix"),
    Case("bad escape in the query", "GET", "/v1/services?prefix=%f", field="prefix"),
    Case("invalid UTF-8 in the path", "GET", "/v1/services/%ff%fe", field="service"),
    Case("space in a name", "GET", "/v1/services/a%20b", field="service"),
    Case("line feed in a name", "GET", "/v1/services/a%0Ab", field="service"),
    Case("dots as a name", "GET", "/v1/services/%2E%2E", field="service"),
    Case("dots inside a name", "GET", "/v1/services/a%2F..%2Fb", field="service"),
    Case("a slash at the end", "GET", "/v1/services/a%2F", field="service"),
    Case("service name too long", "GET", path_of("s" * 129), None, 422, "limit_exceeded",
         "service", NAME_LIMIT),
    Case("id too long", "PUT", path_of("bad", "i" * 129), VALID, 422, "limit_exceeded", "id",
         NAME_LIMIT),
    Case("namespace too long", "PUT", path_of("bad", "o-1", namespace="n" * 129), VALID, 422,
         "limit_exceeded", "namespace", NAME_LIMIT),
    Case("namespace empty", "PUT", PUT + "?namespace=", VALID, field="namespace"),
    Case("namespace with a space", "GET", path_of("bad", namespace="a b"), field="namespace"),
    Case("empty segment", "GET", "/v1//services", None, (400, 404), None),
    Case("empty id", "PUT", "/v1/services/bad/instances/", VALID, (400, 404), None),
    Case("too many segments", "GET", "/v1" + "/a" * 100, None, (404, 422), None),
    Case("too many parameters", "GET", "/v1/watch?" + "service=a&" * 1001, None, 422,
         "limit_exceeded"),
]


@pytest.mark.parametrize("case", BODIES + PATHS, ids=lambda case: case.name)
def test_bad_request(shared_node, case):
    with shared_node.connect() as connection:
        answer = connection.call(case.method, case.path, case.body, JSON if case.body else None)
        allowed = case.status if isinstance(case.status, tuple) else (case.status,)
        assert answer.status in allowed, (answer.status, answer.body[:300])
        title = case.title or answer.json["title"]
        if case.title is None:
            assert title in ("invalid", "limit_exceeded", "not_found")
        assert_problem(answer, answer.status, title, case.field, case.limit)
        # A refused request is no reason to give up the connection.
        assert connection.call("GET", "/healthz").status == 200
    assert shared_node.get("bad")["empty"] == {"reason": "never_registered"}, "nothing was applied"
    assert shared_node.alive()


EDGES = [
    {"metadata": {f"k{i}": "" for i in range(64)}},
    {"metadata": {"k": "v" * 1024}},
    {"metadata": {"k" * 128: "v"}},
    {"metadata": {f"{i:04}": "v" * 1020 for i in range(8)}},  # 8 KiB in all
    {"ports": {f"p{i}": 65535 for i in range(16)}},
    {"port": 0}, {"port": 1}, {"port": 65535}, {"weight": 0}, {"weight": 65535},
    {"zone": "z" * 128}, {"address": ".".join(["a" * 63] * 3 + ["a" * 61])},
    {"address": "::1"}, {"address": "fe80::1"}, {"address": "my_project_web_1"},
    {"ports": {"x" * 128: 1}},
]


@pytest.mark.parametrize("fields", EDGES, ids=lambda fields: f"{fields}"[:40])
def test_what_is_just_allowed(shared_node, fields):
    assert shared_node.register("edges", "o-1", **fields).status in (200, 201)
    assert shared_node.register("e" * 128, "i" * 128, namespace="n" * 128).status in (200, 201)
    for ttl_ms in (1000, 86_400_000):
        assert shared_node.register("edges", "o-2", ttl_ms=ttl_ms).status in (200, 201)
    shared_node.open_session(client="c" * 256, ttl_ms=86_400_000)


SPELLINGS = {
    "10.0.0.7": ["10.0.0.7", "::ffff:10.0.0.7", "::FFFF:a00:7"],
    "2001:db8::1": ["2001:DB8::1", "2001:0db8:0000:0:0:0:0:1", "2001:db8::0.0.0.1"],
    "host-7.example.org": ["Host-7.EXAMPLE.org", "host-7.example.org.", "host-7.example.org"],
}


@pytest.mark.parametrize("normal", SPELLINGS)
def test_an_address_has_one_spelling(shared_node, normal):
    service = f"spelled-{normal}"
    for written in SPELLINGS[normal]:
        assert shared_node.register(service, "o-1", address=written).status in (200, 201)
        snapshot = shared_node.get(service)
        assert snapshot["instances"][0]["address"] == normal, written
        if written != SPELLINGS[normal][0]:
            assert snapshot["version"] == version, "the same registration again changes nothing"
        version = snapshot["version"]


def test_the_nil_session_removes_nothing(shared_node):
    """It used to pass for "whichever session": a client that never got one could remove another's."""
    session = shared_node.open_session()
    shared_node.register("nil-guard", "o-1", session=session)
    answer = shared_node.deregister("nil-guard", "o-1", session=NIL)
    assert_problem(answer, 400, "invalid", "session")
    for line in shared_node.batch([
            {"op": "deregister", "service": "nil-guard", "id": "o-1", "session": NIL},
            {"op": "heartbeat", "session": NIL},
            {"op": "register", "service": "nil-guard", "id": "o-2", "address": "a", "session": NIL}]):
        assert (line["status"], line["field"]) == (400, "session"), line
    assert [one["id"] for one in shared_node.get("nil-guard")["instances"]] == ["o-1"]
    assert shared_node.deregister("nil-guard", "o-1", session=session).status == 200


REQUEST = b"GET /healthz HTTP/1.1\r\nHost: e2e\r\n\r\n"

RAW = {  # what to send: the statuses that fit
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,)),
    "binary zeros": (b"\0" * 64, (400,)),
    "an empty method": (b" /healthz HTTP/1.1\r\nHost: e2e\r\n\r\n", (400,)),
    "no target": (b"GET HTTP/1.1\r\nHost: e2e\r\n\r\n", (400,)),
    "no version": (b"GET /healthz\r\nHost: e2e\r\n\r\n", (400, 505)),
    "an unknown version": (b"GET /healthz HTTP/3.7\r\nHost: e2e\r\n\r\n", (400, 505)),
    "bare line feeds": (b"GET /healthz HTTP/1.1\nHost: e2e\n\n", (400,)),
    "a NUL in the target": (b"GET /health\0z HTTP/1.1\r\nHost: e2e\r\n\r\n", (400,)),
    "a space in the target": (b"GET /heal thz HTTP/1.1\r\nHost: e2e\r\n\r\n", (400,)),
    "a NUL in a field": (b"GET /healthz HTTP/1.1\r\nHost: e2e\r\nX: a\0b\r\n\r\n", (400,)),
    "a field without colon": (b"GET /healthz HTTP/1.1\r\nHost: e2e\r\nX\r\n\r\n", (400,)),
    "a space before the colon": (b"GET /healthz HTTP/1.1\r\nHost : e2e\r\n\r\n", (400,)),
    "a folded field": (b"GET /healthz HTTP/1.1\r\nHost: e2e\r\nX: a\r\n b\r\n\r\n", (400,)),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", (400,)),
    "two hosts": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (400,)),
    "a negative length": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\nContent-Length: -1\r\n\r\n", (400,)),
    "a length of words": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\nContent-Length: ten\r\n\r\n", (400,)),
    "two lengths": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\nContent-Length: 2\r\n"
                    b"Content-Length: 3\r\n\r\n{}", (400,)),
    "a length beyond 64 bits": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\n"
                                b"Content-Length: 99999999999999999999\r\n\r\n", (400, 413)),
    "length and chunks": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\nContent-Length: 2\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
    "an encoding that is unknown": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\n"
                                    b"Transfer-Encoding: gzip\r\n\r\n", (400, 501)),
    "a chunk size of words": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\n"
                              b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", (400,)),
    "a chunk without its end": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx\r\n0\r\n\r\n", (400,)),
    "a huge chunk": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", (400, 413)),
    "a body of 1 TB": (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\n"
                       b"Content-Length: 1099511627776\r\n\r\n", (413,)),
    "a header too large": (b"GET /healthz HTTP/1.1\r\nHost: e2e\r\nX: " + b"x" * 20_000
                           + b"\r\n\r\n", (431,)),
    "a header that never ends": (b"GET /healthz HTTP/1.1\r\nHost: e2e\r\n" + b"X: y\r\n" * 4000, (431,)),
    "a target too long": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: e2e\r\n\r\n", (414, 431)),
    "a target that is no path": (b"GET healthz HTTP/1.1\r\nHost: e2e\r\n\r\n", (400,)),
    "an expectation": (b"PUT /x HTTP/1.1\r\nHost: e\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\n", (417,)),
}

LIMITS = {413: ("body", 16 * 1024 * 1024), 431: ("header", 16 * 1024), 414: ("target", 16 * 1024)}


def send_raw(port, data):
    """Sends bytes, and reads one answer and then to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), 20) as peer:
        try:
            peer.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was all sent
        text = b""
        while True:
            try:
                piece = peer.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            text += piece
    return text


def parse_answer(text):
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.title()] = value.strip()
    length = int(headers["Content-Length"])
    assert len(body) == length, "one answer, and nothing after it"
    return Answer(int(lines[0].split()[1]), headers, body)


@pytest.mark.parametrize("name", RAW)
def test_malformed_http(shared_node, name):
    data, statuses = RAW[name]
    answer = parse_answer(send_raw(shared_node.port, data))
    assert answer.status in statuses, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == answer.status and problem["detail"]
    if answer.status in LIMITS:
        field, limit = LIMITS[answer.status]
        assert_problem(answer, answer.status, "limit_exceeded", field, limit)
    assert answer.headers.get("Connection", "").lower() == "close"
    assert shared_node.alive()
    assert shared_node.call("GET", "/healthz").status == 200


def test_good_requests_before_a_bad_one_are_answered(shared_node):
    text = send_raw(shared_node.port, REQUEST * 3 + b"\x01\x02\x03 rubbish\r\n\r\n")
    assert text.count(b"HTTP/1.1 200") == 3 and text.count(b"HTTP/1.1 400") == 1


def test_a_smuggled_request_is_not_served(shared_node):
    """Length and chunks at once: what follows must not be taken for a request."""
    inner = b"PUT /v1/services/smuggled/instances/o-1 HTTP/1.1\r\nHost: e\r\nContent-Length: 40\r\n\r\n" + VALID
    data = (b"POST /v1/batch HTTP/1.1\r\nHost: e\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner)
    assert send_raw(shared_node.port, data).count(b"HTTP/1.1") == 1
    assert shared_node.get("smuggled")["empty"] == {"reason": "never_registered"}


@pytest.mark.parametrize("size", range(1, len(REQUEST) - 1, 7))
def test_a_client_that_goes_in_the_middle(shared_node, size):
    with socket.create_connection(("127.0.0.1", shared_node.port)) as peer:
        peer.sendall(REQUEST[:size])
    assert shared_node.call("GET", "/healthz").status == 200


def test_a_request_byte_by_byte(shared_node):
    with socket.create_connection(("127.0.0.1", shared_node.port), 20) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(REQUEST)):
            peer.sendall(REQUEST[i:i + 1])
        assert peer.recv(4096).startswith(b"HTTP/1.1 200")


def test_lines_of_a_batch_name_their_faults(shared_node):
    valid = {"op": "register", "service": "bad-lines", "id": "o-1", "address": "a",
             "persistent": True}
    cases = [({"service": "s" * 129}, 422, "service", 128), ({"id": ""}, 400, "id", None),
             ({"namespace": "a b"}, 400, "namespace", None), ({"weight": "0"}, 400, "weight", None),
             ({"nonsense": 1}, 400, "nonsense", None), ({"op": "fly"}, 400, "op", None),
             ({"metadata": {f"k{i}": "" for i in range(10_000)}}, 422, "metadata", 64)]
    lines = shared_node.batch([{**valid, **change} for change, *_ in cases])
    for line, (change, status, field, limit) in zip(lines, cases):
        assert (line["status"], line["field"]) == (status, field), (change, line)
        assert line.get("limit") == limit and line["detail"]
    assert shared_node.get("bad-lines")["empty"] == {"reason": "never_registered"}
