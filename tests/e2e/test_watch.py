"""Watching: snapshots, deltas, resuming, many services, long lists."""

import pytest

from lists import EMPTY_DIGEST, Lists, check_snapshot
from registry import assert_problem, registration


def test_snapshot_then_deltas(shared_node):
    node = shared_node
    node.register("w", "o-1", metadata={"version": "1.4"})
    node.register("w", "o-2")
    lists = Lists()
    with node.watch("w").open() as watch:
        first = lists.take(watch.expect("snapshot"))
        assert first.data == check_snapshot(node.get("w")) and first.id
        node.register("w", "o-3", zone="a")
        came = lists.take(watch.expect("delta"))
        assert came.data["put"] == {"o-3": {"address": "10.0.0.1", "port": 8080, "zone": "a"}}
        assert "gone" not in came.data and came.id != first.id
        node.register("w", "o-1", metadata={"version": "1.5"})
        changed = lists.take(watch.expect("delta"))
        assert changed.data["put"]["o-1"]["metadata"] == {"version": "1.5"}
        node.deregister("w", "o-2")
        left = lists.take(watch.expect("delta"))
        assert left.data["gone"] == {"o-2": "deregistered"} and "put" not in left.data
        node.register("w", "o-3", zone="a")  # changes nothing
        node.register("w", "o-4")
        assert list(lists.take(watch.expect("delta")).data["put"]) == ["o-4"]
    assert lists["w"].digest == node.get("w")["digest"]


def test_an_emptied_list_and_its_return(shared_node):
    node = shared_node
    session = node.open_session()
    node.register("ebb", "o-1", session=session)
    node.register("ebb", "o-2", session=session)
    node.register("ebb", "o-3")
    lists = Lists()
    with node.watch("ebb").open() as watch:
        lists.take(watch.expect("snapshot"))
        node.deregister("ebb", "o-3")
        lists.take(watch.expect("delta"))
        node.call("DELETE", f"/v1/sessions/{session}")
        emptied = lists.take(watch.expect("snapshot")).data
        assert emptied["instances"] == [] and emptied["digest"] == EMPTY_DIGEST
        assert emptied["empty"] == {"reason": "all_left",
                                    "causes": {"session_closed": 2, "deregistered": 1}}
        node.register("ebb", "o-1")
        lists.follow(watch, lambda held: held["ebb"].instances.keys() == {"o-1"})


def test_a_service_to_come(shared_node):
    lists = Lists()
    with shared_node.watch("future").open() as watch:
        first = lists.take(watch.expect("snapshot"))
        assert first.data["empty"] == {"reason": "never_registered"}
        shared_node.register("future", "o-1")
        lists.follow(watch, lambda held: held["future"].instances.keys() == {"o-1"})


def test_namespaces(shared_node):
    node = shared_node
    node.register("spaced-w", "o-1", namespace="green")
    node.register("spaced-w", "o-2")
    lists = Lists()
    with node.watch("spaced-w", namespace="green").open() as watch:
        event = lists.take(watch.expect("snapshot"))
        assert event.data["namespace"] == "green"
        node.register("spaced-w", "o-3")
        node.register("spaced-w", "o-4", namespace="green")
        lists.follow(watch, lambda held: held["green", "spaced-w"].instances.keys()
                     == {"o-1", "o-4"})
    with node.stream("/v1/watch?namespace=green", "POST", b'{"services":[{"service":"spaced-w"}]}',
                     {"Content-Type": "application/json"}).open() as watch:
        assert watch.expect("snapshot").data["namespace"] == "green"


def test_a_burst_goes_out_whole(shared_node):
    """However a burst is cut into deltas, every one ends in the server's digest."""
    node = shared_node
    lists = Lists()
    with node.watch("burst").open() as watch:
        lists.take(watch.expect("snapshot"))
        for round_ in range(5):
            node.batch([registration("burst", f"o-{i}", weight=round_) for i in range(500)])
        lists.follow(watch, lambda held: len(held["burst"].instances) == 500 and all(
            i.get("weight") == 4 for i in held["burst"].instances.values()))
        assert lists["burst"].digest == node.get("burst")["digest"]
        node.batch([{"op": "deregister", "service": "burst", "id": f"o-{i}"} for i in range(499)])
        lists.follow(watch, lambda held: held["burst"].instances.keys() == {"o-499"})


def test_resume_on_the_same_boot_sends_the_difference_alone(shared_node):
    node = shared_node
    node.batch([registration(s, f"o-{i}") for s in ("r-a", "r-b") for i in range(100)])
    lists = Lists()
    with node.watch("r-a", "r-b").open() as watch:
        lists.follow(watch, lambda held: held.last_id is not None and held["r-b"].whole)
    node.register("r-a", "o-new")
    node.deregister("r-a", "o-7")
    with node.watch("r-a", "r-b", last_event_id=lists.last_id).open() as watch:
        events = lists.follow(watch, lambda held: "o-new" in held["r-a"].instances)
        assert [event.kind for event in events] == ["delta"]
        assert events[0].data["gone"] == {"o-7": "deregistered"}
        node.register("r-b", "o-new")
        events = lists.follow(watch, lambda held: "o-new" in held["r-b"].instances)
        assert [event.kind for event in events] == ["delta"]
    with node.watch("r-a", "r-b", last_event_id=lists.last_id).open() as watch:
        assert watch.event().kind == "alive", "nothing changed, so nothing is sent"
    for service in ("r-a", "r-b"):
        assert lists[service].digest == node.get(service)["digest"]


def test_a_service_added_on_resuming_is_sent_whole(shared_node):
    node = shared_node
    node.register("added-a", "o-1")
    node.register("added-b", "o-1")
    lists = Lists()
    with node.watch("added-a").open() as watch:
        lists.take(watch.expect("snapshot"))
    with node.resume({"added-a": lists["added-a"].digest, "added-b": None}).open() as watch:
        event = lists.take(watch.expect("snapshot"))
        assert event.data["service"] == "added-b"


@pytest.mark.parametrize("event_id", ["zzzzzz-1", "nonsense", "-", "k3v9q2-99999999999999999999"])
def test_resume_from_an_id_of_nobody(shared_node, event_id):
    shared_node.register("foreign", "o-1")
    with shared_node.watch("foreign", last_event_id=event_id).open() as watch:
        assert check_snapshot(watch.expect("snapshot").data)["instances"]


def test_resume_by_digest(shared_node):
    node = shared_node
    node.batch([registration(s, f"o-{i}") for s in ("d-a", "d-b") for i in range(10)])
    digests = {s: node.get(s)["digest"] for s in ("d-a", "d-b")}
    with node.resume({**digests, "d-never": EMPTY_DIGEST}).open() as watch:
        assert watch.event().kind == "alive", "equal digests: nothing is sent"
        node.register("d-never", "o-1")
        assert watch.event().data["service"] == "d-never"
    node.register("d-b", "o-new")
    with node.resume({**digests, "d-never": EMPTY_DIGEST}).open() as watch:
        lists = Lists()
        for _ in range(2):
            lists.take(watch.expect("snapshot"))
        assert lists.services.keys() == {"d-b", "d-never"}


def test_a_watch_of_100_services(shared_node):
    node = shared_node
    services = [f"hundred-{i:03}" for i in range(100)]
    node.batch([registration(s, f"o-{i}") for s in services for i in range(20)])
    lists = Lists()
    with node.watch(*services).open() as watch:
        lists.follow(watch, lambda held: held.last_id is not None)
        assert sorted(lists.services) == services
        node.batch([registration(s, "o-0", weight=3) for s in services])
        lists.follow(watch, lambda held: all(
            held[s].instances["o-0"].get("weight") == 3 for s in services))
        digests = {s: node.get(s)["digest"] for s in services}
        assert {s: lists[s].digest for s in services} == digests
    with node.resume(digests).open() as watch:
        assert watch.event().kind == "alive"


def long_metadata(i, round_):
    return {"n": str(i), "round": str(round_), "fill": "x" * 200}


def test_a_long_list_in_parts_under_changes(shared_node):
    """3,000 instances are read slowly while they change: the parts come from different versions,
    and the consumer must end with the server's list all the same."""
    node = shared_node
    node.batch([registration("long", f"o-{i:04}", metadata=long_metadata(i, 0))
                for i in range(3000)])
    lists = Lists()
    stream = node.stream("/v1/watch?service=long", rcvbuf=4096).open()
    with stream:
        lists.take(stream.expect("snapshot"))
        for round_ in range(1, 30):
            some = range(round_, 3000, 97)
            results = node.batch(
                [registration("long", f"o-{i:04}", metadata=long_metadata(i, round_)) for i in some]
                + [{"op": "deregister", "service": "long", "id": f"o-{3000 - round_:04}"}]
                + [registration("long", f"o-{round_ * 100:04}-new")])
            assert all(r["status"] in (200, 201) for r in results)
            for _ in range(64):  # a few reads of a few KB each: far slower than the server
                if (event := stream.ready_event()) is not None:
                    lists.take(event)
                    break
                stream.take_in(2048)
        final = check_snapshot(node.get("long"))
        lists.follow_to(stream, "long", final["digest"])
    assert lists.parts > 1, "the snapshot should have come in several parts"
    assert lists["long"].instances == {
        i["id"]: {k: v for k, v in i.items() if k != "id"} for i in final["instances"]}


def test_parts_replace_what_was_held(shared_node):
    """A consumer that asks again by digest with an old list gets a whole snapshot in its place."""
    node = shared_node
    node.batch([registration("again", f"o-{i:04}", metadata=long_metadata(i, 0))
                for i in range(1000)])
    lists = Lists()
    with node.watch("again").open() as watch:
        lists.follow(watch, lambda held: held["again"].whole)
    node.batch([{"op": "deregister", "service": "again", "id": f"o-{i:04}"} for i in range(500)])
    with node.resume({"again": lists["again"].digest}).open() as watch:
        lists.follow_to(watch, "again", node.get("again")["digest"])
    assert len(lists["again"].instances) == 500


def test_watches_that_are_refused(shared_node):
    node = shared_node
    post = {"Content-Type": "application/json"}
    assert_problem(node.call("GET", "/v1/watch"), 400, "invalid")
    assert_problem(node.call("POST", "/v1/watch", {"services": []}, post), 400, "invalid")
    assert_problem(node.call("POST", "/v1/watch", {}, post), 400, "invalid", "services")
    assert_problem(node.call("GET", "/v1/watch?service=b%20c"), 400, "invalid")
    bad = {"services": [{"service": "a", "digest": "short"}]}
    assert_problem(node.call("POST", "/v1/watch", bad, post), 400, "invalid")


def test_1000_services_are_the_most(shared_node):
    services = {f"many-{i}": EMPTY_DIGEST for i in range(1000)}
    with shared_node.resume(services).open() as watch:
        assert watch.event().kind == "alive"
        shared_node.register("many-999", "o-1")
        assert watch.event().data["service"] == "many-999"
    body = {"services": [{"service": f"many-{i}"} for i in range(1001)]}
    answer = shared_node.call("POST", "/v1/watch", body, {"Content-Type": "application/json"})
    assert_problem(answer, 422, "limit_exceeded", limit=1000)


def test_the_same_service_twice(shared_node):
    """Refused, or told once; never two copies of each event."""
    shared_node.register("double", "o-1")
    with shared_node.watch("double", "double") as watch:
        watch.read_head()
        if watch.status != 200:
            assert watch.status == 400
            return
        watch.decoder.feed(watch.head_rest)
        watch.expect("snapshot")
        shared_node.register("double", "o-2")
        watch.expect("delta")
        shared_node.register("double", "o-3")
        assert list(watch.expect("delta").data["put"]) == ["o-3"]


def test_a_consumer_that_goes_is_forgotten(shared_node):
    node = shared_node
    node.register("leaving", "o-1")
    for _ in range(50):
        with node.watch("leaving").open() as watch:
            watch.expect("snapshot")
    with node.watch("leaving").open() as watch:
        watch.expect("snapshot")
        node.register("leaving", "o-2")
        watch.expect("delta")
    assert node.alive()


def test_digest_checks_do_fail():
    """The consumer's check itself: a list that differs in one field is noticed."""
    held = Lists()["x"]
    held.put("o-1", {"address": "10.0.0.7", "port": 8080, "metadata": {"version": "1.4"}})
    held.take_digest({"digest": "4FgLEa89ckA"})
    held.put("o-1", {"address": "10.0.0.7", "port": 8080, "metadata": {"version": "1.5"}})
    with pytest.raises(AssertionError, match="digest differs"):
        held.take_digest({"digest": "4FgLEa89ckA"})
