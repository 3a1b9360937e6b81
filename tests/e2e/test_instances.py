"""Registering, changing and removing instances, one by one and in batches."""

import json

import pytest

from lists import check_snapshot, xxh64
from registry import assert_problem, path_of, registration, until


def test_the_hash_is_the_published_one():
    assert xxh64(b"") == 0xEF46DB3751D8E999
    assert xxh64(b"abc") == 0x44BC2CF5AD770999
    assert xxh64(b"Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1


def test_register_update_unchanged_deregister(shared_node):
    node = shared_node
    first = node.register("life", "o-1", metadata={"version": "1.4"})
    assert (first.status, first.json["result"]) == (201, "created")
    same = node.register("life", "o-1", metadata={"version": "1.4"})
    assert (same.status, same.json["result"]) == (200, "unchanged")
    assert same.json["version"] == first.json["version"]
    changed = node.register("life", "o-1", metadata={"version": "1.5"})
    assert (changed.status, changed.json["result"]) == (200, "updated")
    assert changed.json["version"] > first.json["version"]

    snapshot = check_snapshot(node.get("life"))
    assert snapshot["version"] == changed.json["version"]
    assert snapshot["instances"] == [{"id": "o-1", "address": "10.0.0.1", "port": 8080,
                                      "metadata": {"version": "1.5"}}]

    gone = node.deregister("life", "o-1")
    assert gone.status == 200 and gone.json["version"] > changed.json["version"]
    empty = check_snapshot(node.get("life"))
    assert empty["instances"] == []
    assert empty["empty"] == {"reason": "all_left", "causes": {"deregistered": 1}}
    assert_problem(node.deregister("life", "o-1"), 404, "not_found", "id")
    assert_problem(node.call("GET", path_of("life", "o-1")), 404, "not_found", "id")


def test_a_service_that_never_was(shared_node):
    snapshot = check_snapshot(shared_node.get("never"))
    assert snapshot["empty"] == {"reason": "never_registered"}
    assert_problem(shared_node.call("GET", path_of("never", "o-1")), 404, "not_found")
    assert_problem(shared_node.deregister("never", "o-1"), 404, "not_found")


def test_every_field_comes_back(shared_node):
    fields = {"port": 65535, "ports": {"grpc": 9090, "admin": 1}, "zone": "eu-1a", "weight": 0,
              "metadata": {"version": "1.4", "team": "Größe 数 \U0001f680", "empty": ""}}
    assert shared_node.register("fields", "o-1", **fields).status == 201
    [instance] = check_snapshot(shared_node.get("fields"))["instances"]
    assert instance == {"id": "o-1", "address": "10.0.0.1", **fields}
    one = shared_node.call("GET", path_of("fields", "o-1"))
    assert one.status == 200 and one.json == instance


def test_defaults_are_left_out(shared_node):
    defaults = {"address": "10.0.0.2", "port": 0, "weight": 100, "metadata": {}, "ports": {},
                "persistent": True}
    assert shared_node.call("PUT", path_of("defaults", "o-1"), defaults).status == 201
    bare = {"address": "10.0.0.2", "persistent": True}
    assert shared_node.call("PUT", path_of("defaults", "o-1"), bare).json["result"] == "unchanged"
    snapshot = check_snapshot(shared_node.get("defaults"))
    assert snapshot["instances"] == [{"id": "o-1", "address": "10.0.0.2"}]
    assert "namespace" not in snapshot


@pytest.mark.parametrize("name", ["a/b", "com.example.Orders:1.0@eu~x+y", "x" * 128, "A-Z_0.9"])
def test_names_are_percent_decoded(shared_node, name):
    assert shared_node.register(name, name).status == 201
    snapshot = check_snapshot(shared_node.get(name))
    assert snapshot["service"] == name and snapshot["instances"][0]["id"] == name
    assert shared_node.deregister(name, name).status == 200


def test_namespaces_are_apart(shared_node):
    node = shared_node
    assert node.register("spaced", "o-1", namespace="blue").status == 201
    assert node.register("spaced", "o-2").status == 201
    blue = check_snapshot(node.get("spaced", namespace="blue"))
    assert blue["namespace"] == "blue" and [i["id"] for i in blue["instances"]] == ["o-1"]
    plain = check_snapshot(node.get("spaced", namespace="default"))
    assert "namespace" not in plain and [i["id"] for i in plain["instances"]] == ["o-2"]
    listed = node.call("GET", "/v1/services?namespace=blue").json["services"]
    assert [entry["service"] for entry in listed] == ["spaced"]
    assert_problem(node.deregister("spaced", "o-1"), 404, "not_found", "id")
    assert node.deregister("spaced", "o-1", namespace="blue").status == 200
    assert [i["id"] for i in node.get("spaced")["instances"]] == ["o-2"]


def test_ttl_instance_lives_by_its_heartbeats(shared_node):
    node = shared_node
    path = path_of("ttl", "o-1") + "/heartbeat"
    assert node.register("ttl", "o-1", ttl_ms=2000).status == 201
    with node.watch("ttl").open() as watch:
        watch.expect("snapshot")
        for _ in range(12):  # 3 s in all
            with pytest.raises(TimeoutError):
                watch.event(0.25)
            beat = node.call("PUT", path)
            assert beat.status == 200 and beat.json == {"ttl_ms": 2000}
        emptied = watch.expect("snapshot").data
        assert emptied["instances"] == []
        assert emptied["empty"] == {"reason": "all_left", "causes": {"session_expired": 1}}
    assert_problem(node.call("PUT", path), 404, "not_found")


def test_heartbeat_of_an_instance_without_ttl(shared_node):
    shared_node.register("no-ttl", "o-1")
    answer = shared_node.call("PUT", path_of("no-ttl", "o-1") + "/heartbeat")
    assert_problem(answer, 409, "conflict", "id")


@pytest.mark.parametrize("holders", [{}, {"ttl_ms": 5000, "persistent": True},
                                     {"session": "0" * 32, "ttl_ms": 5000}])
def test_exactly_one_holder(shared_node, holders):
    answer = shared_node.call("PUT", path_of("holders", "o-1"), {"address": "10.0.0.1", **holders})
    assert_problem(answer, 400, "invalid")
    assert shared_node.get("holders")["empty"] == {"reason": "never_registered"}


def test_an_instance_may_change_its_holder(shared_node):
    """From a TTL to persistent: the old lease must not take it away."""
    node = shared_node
    assert node.register("holder-change", "o-1", ttl_ms=1000).status == 201
    assert node.register("holder-change", "o-2", ttl_ms=1000).status == 201
    assert node.register("holder-change", "o-1", persistent=True).status == 200
    ids = until(lambda: [i["id"] for i in node.get("holder-change")["instances"]] == ["o-1"]
                and ["o-1"], what="only the TTL instance leaving")
    assert ids == ["o-1"]


def test_ack_logged(shared_node):
    assert shared_node.register("logged", "o-1", ack="logged").status == 201
    assert shared_node.register("logged", "o-1", ack="logged").json["result"] == "unchanged"
    assert shared_node.register("logged", "o-2", ack="local").status == 201
    assert shared_node.deregister("logged", "o-1", ack="logged").status == 200
    assert_problem(shared_node.register("logged", "o-3", ack="maybe"), 400, "invalid", "ack")
    assert [i["id"] for i in check_snapshot(shared_node.get("logged"))["instances"]] == ["o-2"]


def test_batch_answers_each_line_in_order(shared_node):
    node = shared_node
    session = node.open_session()
    results = node.batch([
        registration("batch", "o-1", session=session),
        registration("batch", "o-2", ttl_ms=60000),
        registration("batch", "o-2", ttl_ms=60000),
        registration("batch", "o-3", weight="5"),
        {"op": "heartbeat", "session": session},
        {"op": "heartbeat", "service": "batch", "id": "o-2"},
        {"op": "heartbeat", "service": "batch", "id": "o-9"},
        {"op": "deregister", "service": "batch", "id": "o-1"},
        {"op": "deregister", "service": "batch", "id": "o-1"},
        {"op": "frobnicate"},
        registration("batch", "o-4", namespace="blue"),
    ])
    assert [r["status"] for r in results] == [201, 201, 200, 400, 200, 200, 404, 200, 404, 400, 201]
    assert [r["result"] for r in results[:3]] == ["created", "created", "unchanged"]
    assert results[3]["title"] == "invalid" and results[3]["field"] == "weight"
    assert results[6]["title"] == results[8]["title"] == "not_found"
    assert results[8]["field"] == "id" and results[8]["detail"]
    assert results[9]["field"] == "op"
    assert results[1]["version"] > results[0]["version"]
    assert [i["id"] for i in check_snapshot(node.get("batch"))["instances"]] == ["o-2"]
    assert [i["id"] for i in node.get("batch", namespace="blue")["instances"]] == ["o-4"]


def test_batch_lines_that_are_no_json(shared_node):
    good = b'{"op":"register","service":"b-raw","id":"o-1","address":"10.0.0.1","persistent":true}'
    body = b"{\n" + good + b"\r\n" + b"[]\n" + b"\xff\n" + good.replace(b"o-1", b"o-2")
    answer = shared_node.call("POST", "/v1/batch", body)
    assert answer.status == 200
    assert [line["status"] for line in answer.lines] == [400, 201, 400, 400, 201]
    assert len(check_snapshot(shared_node.get("b-raw"))["instances"]) == 2


def test_large_batch(shared_node):
    results = shared_node.batch([registration("large", f"o-{i:05}") for i in range(20_000)])
    assert {r["status"] for r in results} == {201}
    versions = [r["version"] for r in results]
    assert versions == sorted(set(versions))
    assert len(check_snapshot(shared_node.get("large"))["instances"]) == 20_000


def test_batch_logged(shared_node):
    line = registration("batch-logged", "o-1")
    answer = shared_node.call("POST", "/v1/batch?ack=logged", json.dumps(line))
    assert answer.status == 200 and answer.lines[0]["status"] == 201
