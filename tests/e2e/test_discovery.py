"""Reading lists: filters, long-polls, the listing of services, and the node's own pages."""

import threading
import time

import pytest

from lists import EMPTY_DIGEST, check_snapshot, digest_of
from registry import assert_problem, path_of, registration


def ids_of(snapshot):
    return [instance["id"] for instance in snapshot["instances"]]


@pytest.fixture(scope="module")
def zoned(shared_node):
    """o-0 … o-5: zones a and b in turn, three versions, one of two teams."""
    for i in range(6):
        metadata = {"version": f"1.{i % 3}", "team": "red" if i < 3 else "blue green"}
        shared_node.register("zoned", f"o-{i}", zone="ab"[i % 2], metadata=metadata)
    return shared_node


@pytest.mark.parametrize("filters, expected", [
    ({"zone": "a"}, ["o-0", "o-2", "o-4"]),
    ({"zone": "nowhere"}, []),
    ({"meta.version": "1.1"}, ["o-1", "o-4"]),
    ({"meta.version": "1.1", "meta.team": "red"}, ["o-1"]),
    ({"meta.team": "blue green", "zone": "b"}, ["o-3", "o-5"]),
    ({"meta.nothing": ""}, []),
    ({"state": "up"}, [f"o-{i}" for i in range(6)]),
])
def test_filters(zoned, filters, expected):
    whole = check_snapshot(zoned.get("zoned"))
    filtered = zoned.get("zoned", **filters)
    assert ids_of(filtered) == expected
    assert filtered["digest"] == whole["digest"] == digest_of(whole["instances"])
    assert filtered["version"] == whole["version"]
    by_id = {instance["id"]: instance for instance in whole["instances"]}
    assert all(instance == by_id[instance["id"]] for instance in filtered["instances"])


def test_a_state_that_nobody_knows(zoned):
    assert_problem(zoned.call("GET", path_of("zoned", state="happy")), 400, "invalid", "state")


@pytest.mark.parametrize("digest", [EMPTY_DIGEST, "o3Yt0aTjQ1s"])
def test_long_poll_answers_at_once_when_the_digest_differs(zoned, digest):
    answer = zoned.call("GET", path_of("zoned", wait="10m", digest=digest), timeout=20)
    assert answer.status == 200 and len(check_snapshot(answer.json)["instances"]) == 6


@pytest.mark.parametrize("wait, least_s", [("300ms", 0.3), ("1s", 1.0)])
def test_long_poll_answers_when_the_time_is_over(zoned, wait, least_s):
    digest = zoned.get("zoned")["digest"]
    begin = time.monotonic()
    answer = zoned.call("GET", path_of("zoned", wait=wait, digest=digest))
    assert time.monotonic() - begin >= least_s * 0.99
    assert answer.status == 200 and check_snapshot(answer.json)["digest"] == digest


def poll_in_background(node, service, digest):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        node.call("GET", path_of(service, wait="2m", digest=digest), timeout=100)))
    thread.start()
    return thread, answers


@pytest.mark.parametrize("change, expected", [
    (lambda node: node.register("polled", "o-2"), ["o-1", "o-2"]),
    (lambda node: node.register("polled", "o-1", weight=7), ["o-1", "o-2"]),
    (lambda node: node.deregister("polled", "o-2"), ["o-1"]),
])
def test_long_poll_answers_on_change(shared_node, change, expected):
    node = shared_node
    node.register("polled", "o-1")
    digest = node.get("polled")["digest"]
    thread, answers = poll_in_background(node, "polled", digest)
    thread.join(0.3)  # long enough to be waiting on most machines; right on all
    assert not answers, "answered without a change"
    assert change(node).status in (200, 201)
    thread.join(60)
    assert answers and answers[0].status == 200
    snapshot = check_snapshot(answers[0].json)
    assert ids_of(snapshot) == expected and snapshot["digest"] != digest


def test_long_poll_on_a_service_that_does_not_exist_yet(shared_node):
    thread, answers = poll_in_background(shared_node, "to-come", EMPTY_DIGEST)
    thread.join(0.3)
    assert not answers
    shared_node.register("to-come", "o-1")
    thread.join(60)
    assert ids_of(check_snapshot(answers[0].json)) == ["o-1"]


def test_long_poll_is_not_woken_by_what_changes_nothing(shared_node):
    node = shared_node
    node.register("quiet", "o-1")
    digest = node.get("quiet")["digest"]
    thread, answers = poll_in_background(node, "quiet", digest)
    node.register("quiet", "o-1")
    node.register("other", "o-1")
    thread.join(0.3)
    assert not answers
    node.deregister("quiet", "o-1")
    thread.join(60)
    assert answers[0].json["empty"]["causes"] == {"deregistered": 1}


@pytest.mark.parametrize("wait", ["10m1ms", "11m", "601s", "600001ms", "99999999999999999999s"])
def test_long_poll_longer_than_allowed(shared_node, wait):
    answer = shared_node.call("GET", path_of("zoned", wait=wait, digest=EMPTY_DIGEST))
    assert answer.status in (400, 422)
    assert_problem(answer, answer.status, answer.json["title"], "wait")


@pytest.mark.parametrize("query, field", [
    ({"wait": "soon", "digest": EMPTY_DIGEST}, "wait"), ({"wait": "-1s", "digest": EMPTY_DIGEST}, "wait"),
    ({"wait": "5", "digest": EMPTY_DIGEST}, "wait"), ({"wait": "1s", "digest": "short"}, "digest"),
    ({"wait": "1s", "digest": "!!!!!!!!!!!"}, "digest"),
])
def test_malformed_waits(shared_node, query, field):
    assert_problem(shared_node.call("GET", path_of("zoned", **query)), 400, "invalid", field)


def test_services_are_listed_in_pages(make_node):
    node = make_node().start()
    names = sorted(f"{letter}{i:03}" for letter in "abc" for i in range(50))
    node.batch([registration(name, f"o-{i}") for name in names for i in range(2)])
    whole = node.call("GET", "/v1/services").json
    assert [entry["service"] for entry in whole["services"]] == names
    assert all(entry["instances"] == 2 and entry["version"] > 0 for entry in whole["services"])
    assert "next" not in whole

    for limit in (1, 7, 50, 149, 150, 151):
        found, after, pages = [], None, 0
        while True:
            path = f"/v1/services?limit={limit}" + (f"&after={after}" if after else "")
            page = node.call("GET", path).json
            found += [entry["service"] for entry in page["services"]]
            pages += 1
            assert len(page["services"]) <= limit
            if "next" not in page:
                break
            after = page["next"]
        assert found == names and pages == -(-len(names) // limit), limit

    some = node.call("GET", "/v1/services?prefix=b0&limit=10&after=b015").json
    assert [entry["service"] for entry in some["services"]] == [f"b{i:03}" for i in range(16, 26)]
    none = node.call("GET", "/v1/services?prefix=zzz").json
    assert none == {"services": []}
    for query, field in (("limit=0", "limit"), ("limit=x", "limit"), ("limit=-1", "limit")):
        answer = node.call("GET", "/v1/services?" + query)
        assert answer.status in (400, 422)
        assert_problem(answer, answer.status, answer.json["title"], field)


def test_an_emptied_service_is_listed_or_not_but_never_with_instances(shared_node):
    shared_node.register("emptied", "o-1")
    shared_node.deregister("emptied", "o-1")
    listed = shared_node.call("GET", "/v1/services?prefix=emptied").json["services"]
    assert [entry["instances"] for entry in listed] in ([], [0])


def test_the_nodes_own_pages(shared_node):
    node = shared_node
    assert node.call("GET", "/healthz").status == 200
    ready = node.call("GET", "/readyz")
    assert ready.status == 200 and ready.json["ready"] is True
    assert ready.json["state"] == "serving" and ready.json["store"]["state"] == "ok"
    status = node.call("GET", "/v1/status")
    assert status.status == 200 and isinstance(status.json, dict)
    assert "e2e" in status.body.decode()
    metrics = node.call("GET", "/metrics")
    assert metrics.status == 200 and metrics.headers["Content-Type"].startswith("text/plain")
    assert node.metrics()


def test_export_holds_every_instance(make_node):
    node = make_node().start()
    wanted = {(f"s-{s}", f"o-{i}", space) for s in range(20) for i in range(300)
              for space in ("default", "blue")}
    node.batch([registration(s, i, namespace=space) for s, i, space in sorted(wanted)])
    answer = node.call("GET", "/v1/export")
    assert answer.status == 200
    lines = answer.lines
    assert len(lines) == len(wanted)
    assert {(x["service"], x["id"], x.get("namespace", "default")) for x in lines} == wanted
    assert all(x["address"] == "10.0.0.1" for x in lines)


def test_head_and_other_methods(shared_node):
    shared_node.register("methods", "o-1")
    for method, path in (("POST", "/healthz"), ("DELETE", "/v1/services"), ("PATCH", "/v1/batch"),
                         ("POST", path_of("methods")), ("POST", path_of("methods", "o-1"))):
        answer = shared_node.call(method, path)
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"]
    assert_problem(shared_node.call("GET", "/v1/nothing"), 404, "not_found")
    assert_problem(shared_node.call("GET", "/"), 404, "not_found")
