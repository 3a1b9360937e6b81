"""docs/openapi.yaml against the server: the same routes on both sides, and answers that are as
described."""

import json
import re
import subprocess

import pytest
import yaml

from lists import check_snapshot
from registry import ROOT, binary

METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}
DOCUMENT = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
UNKNOWN = "0123456789abcdef0123456789abcdef"


def resolve(node):
    while "$ref" in node:
        target = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def documented():
    """{"GET /v1/services/{service}": operation}."""
    return {f"{method.upper()} {path}": operation for path, item in DOCUMENT["paths"].items()
            for method, operation in item.items() if method in METHODS}


def test_the_same_routes_on_both_sides():
    printed = subprocess.run([binary(), "server", "--print-routes"], capture_output=True, text=True,
                             check=True, timeout=20, stdin=subprocess.DEVNULL).stdout.splitlines()
    assert len(printed) == len(set(printed)) > 0
    assert sorted(printed) == sorted(documented())


def check_value(value, schema, where):
    """The part of JSON Schema that the document uses."""
    schema = resolve(schema)
    for part in schema.get("allOf", []):
        check_value(value, part, where)
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), (where, value)
        assert schema["type"] != "integer" or not isinstance(value, bool), (where, value)
    assert "enum" not in schema or value in schema["enum"], (where, value)
    assert "pattern" not in schema or re.search(schema["pattern"], value), (where, value)
    if isinstance(value, dict):
        missing = set(schema.get("required", [])) - value.keys()
        assert not missing, (where, "lacks", missing, value)
        described = schema.get("properties", {})
        for name, inner in value.items():
            if name in described:
                check_value(inner, described[name], f"{where}.{name}")
            elif isinstance(schema.get("additionalProperties"), dict):
                check_value(inner, schema["additionalProperties"], f"{where}.{name}")
    if isinstance(value, list):
        for inner in value:
            check_value(inner, schema.get("items", {}), f"{where}[]")


def check_answer(route, answer):
    responses = documented()[route]["responses"]
    assert str(answer.status) in responses, (route, answer.status, answer.body[:300])
    described = resolve(responses[str(answer.status)])
    for name, header in described.get("headers", {}).items():
        assert not header["required"] or answer.headers[name] is not None, (route, name)
    content_type = (answer.headers["Content-Type"] or "").split(";")[0]
    assert content_type in described["content"], (route, answer.status, content_type)
    schema = described["content"][content_type]["schema"]
    where = f"{route} {answer.status}"
    if content_type.endswith("json") and "ndjson" not in content_type:
        check_value(answer.json, schema, where)
    elif content_type == "application/x-ndjson":
        assert answer.lines, where
        for line in answer.lines:
            check_value(line, schema, where)


REGISTRATION = {"address": "10.0.0.7", "port": 8080, "ports": {"grpc": 9090}, "zone": "a",
                "weight": 50, "metadata": {"version": "1.4"}, "ttl_ms": 60000}
BATCH = "\n".join(json.dumps(line) for line in [
    {"op": "register", "service": "o", "id": "o-2", "address": "a", "persistent": True},
    {"op": "heartbeat", "service": "o", "id": "o-1"}, {"op": "deregister", "service": "x", "id": "y"},
    {"op": "register", "service": "o", "id": "o-3", "address": "a", "persistent": True,
     "metadata": {str(i): "" for i in range(65)}}])

OVERRIDE_PUT = "PUT /v1/services/{service}/instances/{id}/override"
OVERRIDE_DELETE = "DELETE /v1/services/{service}/instances/{id}/override"
# In this order: route, path, body, status. {session} stands for one that is open.
CALLS = [
    ("POST /v1/sessions", "/v1/sessions", {"ttl_ms": 60000, "client": "c"}, 201),
    ("POST /v1/sessions", "/v1/sessions", {"resume": "{session}"}, 200),
    ("POST /v1/sessions", "/v1/sessions", {"resume": UNKNOWN}, 404),
    ("POST /v1/sessions", "/v1/sessions", {"ttl": 1}, 400),
    ("POST /v1/sessions", "/v1/sessions", {"ttl_ms": 1}, 422),
    ("PUT /v1/sessions/{session}/heartbeat", "/v1/sessions/{session}/heartbeat", None, 200),
    ("PUT /v1/sessions/{session}/heartbeat", f"/v1/sessions/{UNKNOWN}/heartbeat", None, 404),
    ("GET /v1/sessions/{session}/attach", f"/v1/sessions/{UNKNOWN}/attach", None, 404),
    ("PUT /v1/services/{service}/instances/{id}", "/v1/services/o/instances/o-1", REGISTRATION, 201),
    ("PUT /v1/services/{service}/instances/{id}", "/v1/services/o/instances/o-1?ack=logged",
     REGISTRATION, 200),
    ("PUT /v1/services/{service}/instances/{id}", "/v1/services/o/instances/o-1", {}, 400),
    ("PUT /v1/services/{service}/instances/{id}", "/v1/services/o/instances/o-1",
     {**REGISTRATION, "weight": 65536}, 422),
    ("PUT /v1/services/{service}/instances/{id}", "/v1/services/o/instances/o-1",
     {"address": "a", "session": UNKNOWN}, 404),
    ("GET /v1/services/{service}/instances/{id}", "/v1/services/o/instances/o-1", None, 200),
    ("GET /v1/services/{service}/instances/{id}", "/v1/services/o/instances/none", None, 404),
    ("PUT /v1/services/{service}/instances/{id}/heartbeat",
     "/v1/services/o/instances/o-1/heartbeat", None, 200),
    ("PUT /v1/services/{service}/instances/{id}/heartbeat",
     "/v1/services/o/instances/none/heartbeat", None, 404),
    (OVERRIDE_PUT, "/v1/services/o/instances/o-1/override",
     {"weight": 0, "state": "out_of_service", "by": "alice", "reason": "test"}, 200),
    ("GET /v1/services/{service}", "/v1/services/o", None, 200),
    (OVERRIDE_PUT, "/v1/services/o/instances/o-1/override", {"weight": 0}, 400),
    (OVERRIDE_PUT, "/v1/services/o/instances/o-1/override", {"weight": 65536, "by": "a"}, 422),
    (OVERRIDE_PUT, "/v1/services/o/instances/none/override", {"weight": 0, "by": "alice"}, 404),
    (OVERRIDE_DELETE, "/v1/services/o/instances/o-1/override?by=bob&reason=over", None, 200),
    (OVERRIDE_DELETE, "/v1/services/o/instances/o-1/override?by=bob", None, 404),
    (OVERRIDE_DELETE, "/v1/services/o/instances/o-1/override", None, 400),
    ("PUT /v1/services/{service}/instances/{id}/status",
     "/v1/services/o/instances/o-1/status", {"status": "failing", "text": "disk full"}, 200),
    ("PUT /v1/services/{service}/instances/{id}/status",
     "/v1/services/o/instances/o-1/status", {"status": "ill"}, 400),
    ("PUT /v1/services/{service}/instances/{id}/status",
     "/v1/services/o/instances/none/status", {"status": "up"}, 404),
    ("POST /v1/services/{service}/instances/{id}/report",
     "/v1/services/o/instances/o-1/report?by=checkout", None, 200),
    ("POST /v1/services/{service}/instances/{id}/report",
     "/v1/services/o/instances/o-1/report", None, 400),
    ("POST /v1/services/{service}/instances/{id}/report",
     "/v1/services/o/instances/none/report?by=checkout", None, 404),
    ("PUT /v1/services/{service}/instances/{id}", "/v1/services/c/instances/c-1",
     {"address": "127.0.0.1", "port": 9, "checks": {"web": {"http": {"path": "/"}},
                                                    "port": {"tcp": {}}}}, 201),
    ("GET /v1/services/{service}/checks", "/v1/services/c/checks", None, 200),
    ("GET /v1/services/{service}/checks", "/v1/services/c/checks?limit=none", None, 400),
    ("GET /v1/services/{service}/checks", "/v1/services/none/checks", None, 404),
    ("POST /v1/services/{service}/release", "/v1/services/o/release", None, 200),
    ("POST /v1/services/{service}/release", "/v1/services/none/release", None, 404),
    ("POST /v1/batch", "/v1/batch", BATCH, 200),
    ("POST /v1/batch", "/v1/batch?ack=perhaps", BATCH, 400),
    ("GET /v1/services", "/v1/services?limit=1", None, 200),
    ("GET /v1/services", "/v1/services?limit=none", None, 400),
    ("GET /v1/services/{service}", "/v1/services/o?zone=a&meta.version=1.4&state=up", None, 200),
    ("GET /v1/services/{service}", "/v1/services/never", None, 200),
    ("GET /v1/services/{service}", "/v1/services/o?wait=soon", None, 400),
    ("GET /v1/services/{service}", "/v1/services/" + "o" * 129, None, 422),
    ("GET /v1/watch", "/v1/watch", None, 400),
    ("POST /v1/watch", "/v1/watch", {"services": []}, 400),
    ("POST /v1/watch", "/v1/watch", {"services": [{"service": str(i)} for i in range(1001)]}, 422),
    ("GET /v1/status", "/v1/status", None, 200),
    ("GET /v1/nodes", "/v1/nodes", None, 200),
    ("GET /v1/export", "/v1/export", None, 200),
    ("GET /healthz", "/healthz", None, 200),
    ("GET /readyz", "/readyz", None, 200),
    ("GET /metrics", "/metrics", None, 200),
    ("DELETE /v1/services/{service}/instances/{id}",
     "/v1/services/o/instances/o-1?drain=1m&until=seen", None, 200),
    ("DELETE /v1/services/{service}/instances/{id}", "/v1/services/o/instances/o-1", None, 200),
    ("DELETE /v1/services/{service}/instances/{id}", "/v1/services/o/instances/o-1", None, 404),
    ("GET /v1/services/{service}", "/v1/services/o", None, 200),
    ("DELETE /v1/sessions/{session}", "/v1/sessions/{session}", None, 200),
    ("DELETE /v1/sessions/{session}", f"/v1/sessions/{UNKNOWN}", None, 404),
]


def test_answers_are_as_described(shared_node):
    session = shared_node.open_session(ttl_ms=60000)
    for route, path, body, status in CALLS:
        path = path.replace("{session}", session)
        if isinstance(body, dict):
            body = json.loads(json.dumps(body).replace("{session}", session))
        answer = shared_node.call(route.split()[0], path, body)
        assert answer.status == status, (route, path, answer)
        check_answer(route, answer)


def test_every_route_is_called():
    streams = {"GET /v1/watch", "POST /v1/watch", "GET /v1/sessions/{session}/attach"}
    assert {route for route, *_ in CALLS} | streams == set(documented())


def test_streams_are_as_described(shared_node):
    node = shared_node
    node.register("streamed", "o-1")
    session = node.open_session()
    for stream in (node.watch("streamed"), node.resume({"streamed": None}),
                   node.stream(f"/v1/sessions/{session}/attach")):
        with stream.open():
            event = stream.event()
            if event.kind == "snapshot":
                schema = DOCUMENT["components"]["schemas"]["Snapshot"]
                check_value(check_snapshot(event.data), schema, "snapshot")
            else:
                session_answer = resolve(documented()["POST /v1/sessions"]["responses"]["201"])
                schema = session_answer["content"]["application/json"]["schema"]
                assert event.kind == "attached"
                check_value(event.data, schema, "attached")


@pytest.mark.parametrize("value, schema", [
    ({"a": 1}, {"type": "object", "required": ["b"]}), ("x", {"type": "integer"}),
    (True, {"type": "integer"}), ("x", {"type": "string", "enum": ["y"]}),
    ([{"id": 1}], {"type": "array", "items": {"$ref": "#/components/schemas/Instance"}}),
])
def test_the_checker_finds_faults(value, schema):
    with pytest.raises(AssertionError):
        check_value(value, schema, "here")
