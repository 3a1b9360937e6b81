"""Moving traffic: overrides that outlive restarts, drains with a deadline, and waiting until all have
been told."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from lists import Lists, check_snapshot
from registry import assert_problem, binary, path_of, registration, until


def override(node, service, instance, **body):
    return node.call("PUT", path_of(service, instance) + "/override", {"by": "alice", **body})


def restore(node, service, instance, query="?by=bob"):
    return node.call("DELETE", path_of(service, instance) + "/override" + query)


def instance_of(node, service, instance):
    answer = node.call("GET", path_of(service, instance))
    assert answer.status == 200, answer
    return answer.json


def test_watchers_are_told_of_the_state_alone_with_who_and_why(shared_node):
    shared_node.register("told", "o-1", metadata={"fill": "x" * 500})
    shared_node.register("told", "o-2")
    lists = Lists()
    with shared_node.watch("told").open() as stream:
        lists.follow(stream, lambda l: l["told"].whole)
        assert override(shared_node, "told", "o-1", state="out_of_service",
                        reason="bad disk").status == 200
        events = lists.follow(stream, lambda l: l.states)
        assert lists.states == [("told", "o-1", "out_of_service", "override by alice: bad disk")]
        assert len(events[-1].raw) <= 200  # not the instance once more
        assert override(shared_node, "told", "o-2", weight=0).status == 200
        changed = lists.follow(stream, lambda l: l["told"].instances["o-2"].get("weight") == 0)
        assert changed[-1].data["put"]["o-2"]["cause"] == "override by alice"
        assert restore(shared_node, "told", "o-1").status == 200
        lists.follow(stream, lambda l: len(l.states) == 2)
        assert lists.states[-1] == ("told", "o-1", "up", "override_removed by bob")
    assert lists["told"].digest == shared_node.get("told")["digest"]


def test_an_override_outlives_provider_and_registry(node):
    session = node.open_session()
    node.register("orders", "o-1", session=session, weight=50)
    assert override(node, "orders", "o-1", state="out_of_service", weight=7,
                    reason="maintenance").status == 200
    expected = {"state": "out_of_service", "weight": 7,
                "override": {"state": "out_of_service", "weight": 7, "by": "alice",
                             "reason": "maintenance"}}
    assert instance_of(node, "orders", "o-1").items() >= expected.items()
    assert node.call("DELETE", f"/v1/sessions/{session}").status == 200
    node.kill()
    node.start()
    node.register("orders", "o-1", session=node.open_session(), weight=60)
    assert instance_of(node, "orders", "o-1").items() >= expected.items()
    check_snapshot(node.get("orders"))
    assert node.get("orders", state="up")["instances"] == []
    assert restore(node, "orders", "o-1").status == 200
    node.kill()
    node.start()
    restored = instance_of(node, "orders", "o-1")
    assert restored["weight"] == 60 and "state" not in restored and "override" not in restored


@pytest.mark.parametrize("body, status, title, field", [
    ({"weight": "0"}, 400, "invalid", "weight"),
    ({"weight": -1}, 422, "limit_exceeded", "weight"),
    ({"weight": 65536}, 422, "limit_exceeded", "weight"),
    ({"weight": 1.5}, 400, "invalid", "weight"),
    ({"weight": 10 ** 30}, 400, "invalid", "weight"),
    ({"weight": None}, 400, "invalid", "weight"),
    ('{"weight":NaN,"by":"a"}', 400, "invalid", None),
    ({"state": "down"}, 400, "invalid", "state"),
    ({"state": 1}, 400, "invalid", "state"),
    ({}, 400, "invalid", "weight"),
    ({"weight": 1, "by": ""}, 400, "invalid", "by"),
    ({"weight": 1, "by": "x" * 129}, 422, "limit_exceeded", "by"),
    ({"weight": 1, "reason": "x" * 513}, 422, "limit_exceeded", "reason"),
    ({"weight": 1, "reason": "a\nb"}, 400, "invalid", "reason"),
    ({"weight": 1, "until": "tomorrow"}, 400, "invalid", "until"),
    ("[]", 400, "invalid", "body"),
    ("", 400, "invalid", "body"),
])
def test_what_makes_no_sense_is_refused_and_changes_nothing(shared_node, body, status, title, field):
    shared_node.register("sense", "o-1")
    before = shared_node.get("sense")
    if isinstance(body, dict):
        body = {"by": "alice", **body}
    answer = shared_node.call("PUT", path_of("sense", "o-1") + "/override", body)
    assert_problem(answer, status, title, field)
    assert shared_node.get("sense") == before


def test_an_unknown_target_is_told_what_is_known(shared_node):
    for i in range(7):
        shared_node.register("known", f"o-{i}")
    answer = override(shared_node, "known", "o-9", weight=1)
    assert_problem(answer, 404, "not_found", "id")
    assert "o-0, o-1, o-2, o-3, o-4 and 2 more" in answer.json["detail"]
    answer = override(shared_node, "knwon", "o-1", weight=1)
    assert_problem(answer, 404, "not_found", "service")
    assert_problem(restore(shared_node, "known", "o-1"), 404, "not_found", "id")
    assert_problem(restore(shared_node, "known", "o-1", ""), 400, "invalid", "by")


def test_one_that_has_just_left_can_be_isolated_before_it_comes_back(shared_node):
    shared_node.register("back", "o-1")
    shared_node.deregister("back", "o-1")
    assert override(shared_node, "back", "o-1", state="out_of_service").status == 200
    shared_node.register("back", "o-1")
    assert instance_of(shared_node, "back", "o-1")["state"] == "out_of_service"


def test_a_drain_lasts_its_time_also_through_a_restart(node):
    node.register("orders", "o-1")
    began = time.monotonic()
    assert node.deregister("orders", "o-1", drain="3s").status == 200
    assert instance_of(node, "orders", "o-1")["state"] == "draining"
    node.kill()
    node.start()
    assert instance_of(node, "orders", "o-1")["state"] == "draining"
    until(lambda: not node.get("orders")["instances"], 10, "the drain's end")
    assert time.monotonic() - began >= 2.9
    assert node.get("orders")["empty"]["causes"] == {"drained": 1}


def test_registering_again_ends_a_drain(shared_node):
    shared_node.register("again", "o-1")
    assert shared_node.deregister("again", "o-1", drain="300ms").status == 200
    assert shared_node.register("again", "o-1").json["result"] == "updated"
    assert "state" not in instance_of(shared_node, "again", "o-1")
    shared_node.register("again", "o-2")
    shared_node.deregister("again", "o-2", drain="600ms")
    until(lambda: len(shared_node.get("again")["instances"]) == 1, 10, "the other drain's end")
    assert shared_node.get("again")["instances"][0]["id"] == "o-1"


@pytest.mark.parametrize("query, status, title, field", [
    ({"drain": "10"}, 400, "invalid", "drain"), ({"drain": "-1s"}, 400, "invalid", "drain"),
    ({"drain": "61m"}, 422, "limit_exceeded", "drain"), ({"until": "done"}, 400, "invalid", "until"),
])
def test_drains_that_make_no_sense(shared_node, query, status, title, field):
    shared_node.register("senseless", "o-1")
    assert_problem(shared_node.deregister("senseless", "o-1", **query), status, title, field)
    assert "state" not in instance_of(shared_node, "senseless", "o-1")


def test_until_seen_waits_for_the_watchers_and_counts_those_who_do_not_read(make_node):
    node = make_node("--io-threads", "2").start()
    fill = {f"m{i}": "x" * 1000 for i in range(8)}
    node.batch([registration("large", f"o-{i:04}", metadata=fill) for i in range(1500)])
    lists = [Lists() for _ in range(6)]
    readers = [node.watch("large").open() for _ in lists]
    for held, stream in zip(lists, readers):
        held.follow(stream, lambda l: l["large"].whole)
    answer = node.deregister("large", "o-0001", drain="20s", until="seen")
    assert answer.status == 200 and answer.json["seen"] is True and answer.json["unseen"] == 0
    for held, stream in zip(lists, readers):
        held.follow(stream, lambda l: l["large"].instances["o-0001"].get("state") == "draining", 5)
    stalled = node.stream("/v1/watch?service=large", rcvbuf=4096).open()
    stalled.event()  # and reads no further: 12 MB do not fit between the two
    began = time.monotonic()
    answer = node.deregister("large", "o-0002", drain="1s", until="seen")
    assert time.monotonic() - began >= 0.99
    assert answer.json["seen"] is False and answer.json["unseen"] == 1
    for stream in [stalled, *readers]:
        stream.close()
    answer = node.deregister("large", "o-0003", until="seen")
    assert answer.json["seen"] is True


def callbook(node, *words, **how):
    return subprocess.run([binary(), *words, "--registry", f"127.0.0.1:{node.port}"], text=True,
                          capture_output=True, timeout=30, stdin=subprocess.DEVNULL, **how)


def test_the_verbs(shared_node):
    shared_node.register("verbs", "o-1")
    done = callbook(shared_node, "isolate", "verbs/o-1", "--by", "alice", "--reason", "bad disk")
    assert done.returncode == 0 and "out of service, by alice" in done.stdout, done
    assert "out_of_service" in callbook(shared_node, "get", "verbs").stdout
    done = callbook(shared_node, "weight", "verbs/o-1", "7", "--by", "alice")
    assert done.returncode == 0 and instance_of(shared_node, "verbs", "o-1")["weight"] == 7
    for wrong in ("-1", "abc", "1.5"):
        assert callbook(shared_node, "weight", "verbs/o-1", wrong, "--by", "a").returncode == 2
    assert callbook(shared_node, "weight", "verbs/o-1", "70000", "--by", "a").returncode == 1
    assert callbook(shared_node, "restore", "verbs/o-1", "--by", "bob").returncode == 0
    assert callbook(shared_node, "restore", "verbs/o-1", "--by", "bob").returncode == 3
    done = callbook(shared_node, "isolate", "verbs/o-2", "--by", "alice")
    assert done.returncode == 3 and "known is o-1" in done.stderr, done
    assert callbook(shared_node, "isolate", "verbs", "--by", "alice").returncode == 2
    assert callbook(shared_node, "drain", "verbs/o-1", "--for", "10").returncode == 2
    done = callbook(shared_node, "drain", "verbs/o-1", "--for", "10s")
    assert done.returncode == 0 and "every watcher has been told" in done.stdout, done
    assert instance_of(shared_node, "verbs", "o-1")["state"] == "draining"


def author_of(node, service):
    return instance_of(node, service, "o-1")["override"]["by"]


def test_the_author_is_known_without_an_environment(shared_node):
    """Containers, cron and units have no $USER."""
    shared_node.register("authors", "o-1")
    done = callbook(shared_node, "isolate", "authors/o-1", env={})
    assert done.returncode == 0, done
    assert author_of(shared_node, "authors") == pwd.getpwuid(os.geteuid()).pw_name
    done = callbook(shared_node, "restore", "authors/o-1", env={})
    assert done.returncode == 0, done


def test_the_author_under_sudo_is_who_called_it(shared_node):
    shared_node.register("sudo", "o-1")
    done = callbook(shared_node, "isolate", "sudo/o-1", env={"SUDO_USER": "alice"})
    expected = "alice" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    assert done.returncode == 0 and author_of(shared_node, "sudo") == expected, done


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_of_no_database_is_named_by_number_and_host(shared_node):
    """A process of a user that the image does not know, as orchestrators start them. What it runs
    it must be able to reach, so it gets a copy."""
    shared_node.register("numbers", "o-1")
    copy = Path(tempfile.mkdtemp(dir="/tmp")) / "callbook"
    try:
        shutil.copy(binary(), copy)
        copy.parent.chmod(0o755)
        done = subprocess.run([copy, "isolate", "numbers/o-1", "--registry",
                               f"127.0.0.1:{shared_node.port}"], env={}, user=54321, group=54321,
                              extra_groups=[], capture_output=True, text=True, timeout=30, cwd="/")
    finally:
        shutil.rmtree(copy.parent)
    assert done.returncode == 0, done
    assert author_of(shared_node, "numbers") == f"uid-54321@{socket.gethostname()}"


def test_what_is_wrong_with_the_author_names_the_flag(shared_node):
    shared_node.register("flags", "o-1")
    done = callbook(shared_node, "isolate", "flags/o-1", "--by", "")
    assert done.returncode == 2 and "--by" in done.stderr and "must not be empty" in done.stderr, done
    done = callbook(shared_node, "isolate", "flags/o-1", "--by", "a" * 1000)
    assert done.returncode == 1 and "from --by" in done.stderr, done
    done = callbook(shared_node, "isolate", "flags/o-1", "--reason", "a" * 5000)
    assert done.returncode == 1 and "from --reason" in done.stderr, done
