"""`callbook drain`, `deregister` and `restore`: what an operator takes out stays out, whatever its
provider does (bug-reports B2)."""

import time

import pytest

from providers import Provider
from registry import callbook, path_of, until


def ids(node, service):
    return [one["id"] for one in node.get(service)["instances"]]


@pytest.mark.parametrize("verb", [("drain", "--for", "500ms"), ("deregister",)],
                         ids=lambda verb: verb[0])
def test_it_stays_out_through_reconnects_and_restarts_until_restored(fast, wrap, verb):
    wrapper = wrap("app", "--id", "a-1")
    wrapper.wait_for("registered app/a-1")
    done = callbook(fast, *verb, "app/a-1", "--by", "alice", "--reason", "bad disk")
    assert done.returncode == 0, done
    assert "by alice; every watcher has been sent it" in done.stdout
    assert "stays out until `callbook restore app/a-1`" in done.stdout
    until(lambda: ids(fast, "app") == [])
    excluded = fast.get("app")["excluded"][0]
    assert (excluded["id"], excluded["by"], excluded["reason"]) == ("a-1", "alice", "bad disk")

    wrapper.wait_for("app/a-1 has been taken out by alice")

    fast.restart()  # cuts the connection too: the wrapper registers again
    until(lambda: wrapper.said.count("registered app/a-1") == 2, what=f"again in {wrapper.said}")
    assert ids(fast, "app") == []
    assert wrapper.alive() and wrapper.child()
    time.sleep(3)  # the new stream says what is out with its first heartbeat

    done = callbook(fast, "restore", "app/a-1", "--by", "bob")
    assert done.returncode == 0, done
    until(lambda: ids(fast, "app") == ["a-1"])
    wrapper.wait_for("app/a-1 is listed again")
    assert wrapper.said.count("has been taken out by alice") == 1, "said once, not by each stream"
    assert wrapper.end() == 7


def test_what_is_not_there_is_not_taken_out(fast):
    fast.register("app", "a-2")
    for verb in ("drain", "deregister", "restore"):
        done = callbook(fast, verb, "app/a-1")
        assert done.returncode == 3 and done.stderr, done
        assert callbook(fast, verb, "app").returncode == 2
        assert callbook(fast, verb, "app/a-2", "--by", "").returncode == 2
    done = callbook(fast, "deregister", "app/a-2", "--by", "a" * 200)
    assert done.returncode == 1 and "from --by" in done.stderr, done
    assert ids(fast, "app") == ["a-2"]


def test_the_restore_command_names_the_namespace(fast):
    fast.register("app", "a-1", namespace="shop")
    done = callbook(fast, "deregister", "app/a-1", "--namespace", "shop")
    assert done.returncode == 0, done
    command = done.stdout.split("`")[1].split()
    assert command == ["callbook", "restore", "app/a-1", "--namespace", "shop"]
    assert callbook(fast, *command[1:]).returncode == 0


def test_its_provider_is_told_the_restore_command_with_the_namespace(fast, wrap):
    wrapper = wrap("app", "--id", "a-1", "--namespace", "shop")
    wrapper.wait_for("registered app/a-1")
    assert callbook(fast, "deregister", "app/a-1", "--namespace", "shop").returncode == 0
    wrapper.wait_for("it is not listed until `callbook restore app/a-1 --namespace shop`")
    wrapper.end()


@pytest.mark.parametrize("words, why", [
    (("drain", "app/a-1", "--for", "10"), "is no time"), (("drain", "app/a-1", "--for", "-1s"), "is no time"),
    (("drain", "app/a-1", "--for", "1.5s"), "is no time"), (("drain", "app/a-1", "--for", "0s"), "--for")])
def test_a_time_has_a_unit(fast, words, why):
    done = callbook(fast, *words)
    assert done.returncode == 2 and why in done.stderr, done


def test_a_watcher_that_does_not_read_is_counted(fast):
    fast.batch([{"op": "register", "service": "large", "id": f"l-{i}", "address": "10.0.0.1",
                 "persistent": True, "metadata": {f"m{k}": "x" * 1000 for k in range(8)}}
                for i in range(1500)])
    stalled = fast.stream("/v1/watch?service=large", rcvbuf=4096).open()
    stalled.event()  # and reads no further: 12 MB do not fit between the two
    done = callbook(fast, "drain", "large/l-1", "--for", "1s")
    assert done.returncode == 1 and "1 watcher has not been sent it" in done.stdout, done
    done = callbook(fast, "deregister", "large/l-2", "--no-wait")
    assert done.returncode == 0 and "watcher" not in done.stdout, done
    stalled.close()


def test_a_provider_of_the_library_stays_out_too(fast):
    provider = Provider(fast, "app", "a-1")
    assert callbook(fast, "deregister", "app/a-1").returncode == 0
    again = fast.register("app", "a-1", session=provider.session, address="127.0.0.1",
                          port=provider.port)
    assert again.status == 200 and ids(fast, "app") == []
    assert fast.call("GET", path_of("app", "a-1")).status == 404
    provider.close()
