"""`callbook register`: one id and two processes (trial H6, bug-reports B4), what it holds an instance
by, and what it says when the registry does not want it."""

import os
import signal
import time

import pytest

from providers import state_of
from registry import callbook, free_port, path_of, until

CALM_SECONDS = 5  # what a process that lost its id waits after the other has left


def listed(node, service="app"):
    """{id: port} of what is listed."""
    return {one["id"]: one.get("port", 0) for one in node.get(service)["instances"]}


class TestOneIdTwoProcesses:
    def test_the_later_waits_while_the_earlier_lives(self, fast, wrap):
        first = wrap("app", "--id", "x")
        first.wait_for("registered app/x")
        second = wrap("app", "--id", "x")
        said = second.wait_for("app/x is not registered: .*")[0]
        assert f"127.0.0.1:{first.port}" in said and "--take-over insists" in said
        time.sleep(3)  # the time of several attempts
        assert listed(fast) == {"x": first.port}
        assert first.alive() and first.child() and second.alive() and second.child()
        assert "taken" not in first.said
        assert second.said.count("is not registered") == 1, "said once"
        assert first.end() == 7
        second.wait_for("registered app/x at")
        until(lambda: listed(fast) == {"x": second.port})
        assert second.end() == 7
        assert listed(fast) == {}

    def test_one_that_waits_does_not_end_an_operators_word(self, fast, wrap):
        first = wrap("app", "--id", "x")
        first.wait_for("registered app/x")
        second = wrap("app", "--id", "x")
        second.wait_for("is not registered")
        assert callbook(fast, "deregister", "app/x", "--by", "alice").returncode == 0
        end = time.monotonic() + 4  # the time of several attempts
        while time.monotonic() < end:
            assert listed(fast) == {}
        assert "registered app/x at" not in second.said and "taken by another" not in first.said
        assert first.end() == 7
        second.wait_for("registered app/x at")
        until(lambda: listed(fast) == {"x": second.port}, what="its successor")

    def test_the_later_takes_the_id_of_one_that_died(self, fast, wrap):
        first = wrap("app", "--id", "x")
        first.wait_for("registered app/x")
        second = wrap("app", "--id", "x")
        second.wait_for("is not registered")
        first.end(signal.SIGKILL)
        second.wait_for("registered app/x at")
        until(lambda: listed(fast) == {"x": second.port})

    def test_take_over_insists_and_the_earlier_comes_back_after_a_while(self, fast, wrap):
        first = wrap("app", "--id", "x")
        first.wait_for("registered app/x")
        child = first.child()
        second = wrap("app", "--id", "x", "--take-over")
        second.wait_for("registered app/x at")
        first.wait_for("app/x has been taken by another process: .*going on unregistered")
        assert listed(fast) == {"x": second.port}
        assert first.alive() and first.child() == child
        time.sleep(2)
        assert listed(fast) == {"x": second.port}, "it takes nothing back from one that lives"
        assert second.end() == 7
        left = time.monotonic()
        until(lambda: listed(fast) == {"x": first.port}, 30)
        assert time.monotonic() - left > CALM_SECONDS - 1
        assert first.child() == child
        assert first.said.count("registered app/x at") == 2
        assert first.end() == 7

    def test_two_in_restart_loops_leave_each_others_server_alone(self, fast, wrap):
        """It used to be: each stopped the other's server every 2 to 3 seconds, for as long as both
        ran."""
        first = wrap("app", "--id", "x")
        first.wait_for("registered app/x")
        child = first.child()
        for insists in ([], ["--take-over"]):
            for _ in range(4):
                later = wrap("app", "--id", "x", *insists)
                later.wait_for("registered app/x at" if insists else "is not registered")
                assert later.end() == 7
            assert first.alive() and first.child() == child
        until(lambda: listed(fast) == {"x": first.port}, 30)
        assert first.child() == child

    def test_stop_when_superseded(self, fast, wrap):
        first = wrap("app", "--id", "x", "--on-superseded", "stop")
        first.wait_for("registered app/x")
        child = first.child()
        second = wrap("app", "--id", "x", "--take-over")
        second.wait_for("registered app/x at")
        assert first.wait() == 1
        assert "stopping the command" in first.said
        assert not os.path.exists(f"/proc/{child}")
        assert listed(fast) == {"x": second.port}

    def test_without_a_command_it_waits_too(self, fast, wrap):
        first = wrap("app", "--id", "x", serve=False, port=free_port())
        first.wait_for("registered app/x")
        second = wrap("app", "--id", "x", "--take-over", serve=False, port=free_port())
        second.wait_for("registered app/x at")
        first.wait_for("has been taken by another process")
        assert first.alive()
        assert first.end() == 0
        assert listed(fast) == {"x": second.port}, "it takes nothing along that is another's"
        assert second.end() == 0

    def test_its_commands_end_is_its_own_while_it_waits(self, fast, wrap):
        first = wrap("app", "--id", "x")
        first.wait_for("registered app/x")
        second = wrap("app", "--id", "x")
        second.wait_for("is not registered")
        os.kill(second.child(), signal.SIGTERM)
        assert second.wait() == 7
        assert listed(fast) == {"x": first.port}

    def test_the_same_process_again_is_no_conflict(self, fast, wrap):
        """A restart after kill -9: the address and port are the same."""
        port = free_port()
        first = wrap("app", "--id", "x", port=port)
        first.wait_for("registered app/x")
        first.end(signal.SIGKILL)
        again = wrap("app", "--id", "x", port=port)
        again.wait_for("registered app/x at")
        assert "is not registered" not in again.said


def test_the_default_id_names_the_address(fast, wrap):
    """Two hosts of one name, as containers of one image are (bug-reports 12)."""
    port = free_port()
    one = wrap("app", port=port, serve=False, address="127.0.0.1")
    other = wrap("app", port=port, serve=False, address="127.0.0.2")
    one.wait_for("registered")
    other.wait_for("registered")
    host = os.uname().nodename
    assert set(listed(fast)) == {f"app-{host}-127.0.0.1-{port}", f"app-{host}-127.0.0.2-{port}"}


class TestWhatIsRefused:
    @pytest.mark.parametrize("address, why", [("0.0.0.0", "write the address at which consumers"),
                                              ("10.0.0.1:80", "holds the port 80"),
                                              ("256.1.1.1", "four numbers")])
    def test_an_address_that_is_none_names_the_flag(self, wrap, address, why):
        wrapper = wrap("app", address=address)
        assert wrapper.wait() == 1
        assert why in wrapper.said and "from --address" in wrapper.said

    def test_at_first_it_stops_the_command(self, make_node, wrap):
        node = make_node("--max-weight", "50").start()
        wrapper = wrap("app", node=node)
        assert wrapper.wait() == 1
        assert "from --weight" in wrapper.said and "stopping the command" in wrapper.said

    def test_later_it_stops_nothing(self, make_node, wrap):
        """A registry that was restarted with other limits must not end the services that run."""
        node = make_node().start()
        wrapper = wrap("app", "--id", "x", node=node)
        wrapper.wait_for("registered app/x")
        child = wrapper.child()
        node.kill()
        node.flags = ["--max-weight", "50"]
        node.start()
        wrapper.wait_for("weight is 100.*going on unregistered")
        assert wrapper.alive() and wrapper.child() == child
        node.kill()
        node.flags = []
        node.start()
        until(lambda: listed(node) == {"x": wrapper.port}, 60)
        assert wrapper.child() == child and wrapper.end() == 7

    @pytest.mark.parametrize("flags, why", [
        (["--external"], "--external needs a --check"),
        (["--check", "ping"], "KIND is tcp"),
        (["--check", "http"], "needs a path"),
        (["--check", "tcp", "--check", "udp"], "name each of several"),
        (["--check", "https:1/x"], "add --named-port NAME=1"),
        (["--check", "tcp", "--persistent"], "one holds it"),
        (["--ttl", "5s", "--ttl-ms", "5000"], "is of a session"),
        (["--down-after", "5s"], "--ttl is needed"),
        (["--check-interval", "5s"], "give one with --check"),
        (["--ttl", "5"], "is no time"),
        (["--status", "ill"], "--status"),
        (["--on-superseded", "cry"], "--on-superseded"),
    ])
    def test_what_makes_no_sense_is_usage(self, fast, flags, why):
        done = callbook(fast, "register", "app", "--port", "9", *flags)
        assert done.returncode == 2 and why in done.stderr, done

    def test_what_does_not_run_here_takes_no_command(self, fast):
        done = callbook(fast, "register", "app", "--port", "9", "--persistent", "--", "true")
        assert done.returncode == 2 and "take no command" in done.stderr, done


class TestWithoutASession:
    def test_an_external_one_is_checked_and_the_command_ends(self, fast):
        registry_itself = str(fast.port)  # has an HTTP route that is well
        done = callbook(fast, "register", "db", "--id", "d-1", "--port", registry_itself, "--address",
                        "127.0.0.1", "--external", "--check", "http:/healthz", "--check", "sock=tcp",
                        "--check-interval", "1s", "--meta", "a=b")
        assert done.returncode == 0, done
        assert "db/d-1 is registered" in done.stdout and "http:/healthz, sock=tcp" in done.stdout
        until(lambda: state_of(fast, "db", "d-1") == "up")
        checks = {one["name"]: one for one in
                  fast.call("GET", "/v1/services/db/checks").json["checks"]}
        assert set(checks) == {"check", "sock"}
        assert checks["check"]["kind"] == "http" and checks["check"]["status"] == "passing"

    def test_one_that_fails_is_down(self, fast):
        done = callbook(fast, "register", "db", "--id", "d-1", "--port", str(fast.port), "--address",
                        "127.0.0.1", "--external", "--check", "http:/nowhere", "--check-interval",
                        "1s", "--check-failures", "1", "--check-expect", "200")
        assert done.returncode == 0, done
        until(lambda: state_of(fast, "db", "d-1") == "down")

    def test_a_persistent_one_stays(self, fast):
        done = callbook(fast, "register", "db", "--id", "d-1", "--port", "5432", "--address",
                        "db.example", "--persistent")
        assert done.returncode == 0 and "stays until `callbook deregister`" in done.stdout, done
        fast.restart()
        assert listed(fast, "db") == {"d-1": 5432}

    def test_a_place_without_a_port_is_the_address_alone(self, fast, wrap):
        done = callbook(fast, "register", "db", "--id", "d-1", "--port", "0", "--address",
                        "db.example", "--persistent")
        assert done.returncode == 0 and "registered at db.example (created)" in done.stdout, done
        wrapper = wrap("app", "--id", "x", "--ttl", "1s")
        wrapper.wait_for("registered app/x")
        fast.register("app", "x", address="10.0.0.9", port=0, persistent=True)
        wrapper.wait_for("'x' is registered at 10.0.0.9 by another process")

    def test_a_checked_command_is_up_while_its_checks_pass_and_leaves_with_it(self, fast, wrap):
        wrapper = wrap("app", "--id", "x", "--check", "tcp", "--check-interval", "1s")
        wrapper.wait_for("registered app/x")
        until(lambda: state_of(fast, "app", "x") == "up")
        # Forgotten by the registry, it registers again.
        assert fast.deregister("app", "x").status == 200
        until(lambda: listed(fast) == {"x": wrapper.port})
        assert wrapper.end() == 7
        assert listed(fast) == {}

    def test_with_a_ttl_of_its_own_it_goes_by_its_heartbeats_alone(self, fast, wrap):
        wrapper = wrap("app", "--id", "x", "--ttl", "1s", "--remove-after", "3s", "--no-probe")
        wrapper.wait_for("registered app/x")
        end = time.monotonic() + 3
        while time.monotonic() < end:  # three TTLs
            assert state_of(fast, "app", "x") == "up"
        wrapper.send(signal.SIGSTOP)  # its server still listens
        until(lambda: state_of(fast, "app", "x") == "down")
        until(lambda: listed(fast) == {})
        wrapper.send(signal.SIGCONT)
        until(lambda: listed(fast) == {"x": wrapper.port})
        assert wrapper.end() == 7
        assert listed(fast) == {}

    @pytest.mark.parametrize("how", [["--ttl", "1s"], ["--check", "tcp"]], ids=lambda how: how[0])
    def test_what_an_operator_keeps_out_leaves_with_its_command(self, fast, wrap, how):
        wrapper = wrap("app", "--id", "x", *how)
        wrapper.wait_for("registered app/x")
        assert fast.deregister("app", "x", by="alice").status == 200
        wrapper.wait_for("taken out \\(deregister\\) by alice")
        assert wrapper.end() == 7
        assert callbook(fast, "restore", "app/x").returncode == 0
        assert listed(fast) == {}

    @pytest.mark.parametrize("how", [["--ttl", "1s"], ["--check", "tcp"]], ids=lambda how: how[0])
    def test_what_another_process_has_registered_is_left_alone(self, fast, wrap, how):
        wrapper = wrap("app", "--id", "x", *how)
        wrapper.wait_for("registered app/x")
        child = wrapper.child()
        fast.register("app", "x", address="127.0.0.1", port=9, persistent=True)
        wrapper.wait_for("has been taken by another process: .*127.0.0.1:9")
        assert wrapper.child() == child
        assert wrapper.end() == 7
        assert listed(fast) == {"x": 9}

    @pytest.mark.parametrize("how", [["--ttl", "1s"], ["--check", "tcp"]], ids=lambda how: how[0])
    def test_it_waits_while_a_session_holds_the_id_elsewhere(self, fast, wrap, how):
        first = wrap("app", "--id", "x")
        first.wait_for("registered app/x")
        second = wrap("app", "--id", "x", *how)
        said = second.wait_for("app/x is not registered: .*")[0]
        assert f"127.0.0.1:{first.port}" in said and "--take-over insists" in said
        done = callbook(fast, "register", "app", "--id", "x", "--port", "9", "--address", "10.0.0.9",
                        "--persistent")
        assert done.returncode == 1 and "held by a living session" in done.stderr, done
        assert listed(fast) == {"x": first.port} and second.child()
        assert first.end() == 7
        second.wait_for("registered app/x at")
        until(lambda: listed(fast) == {"x": second.port})
        assert second.end() == 7
        assert listed(fast) == {}

    def test_it_goes_on_at_another_node_of_its_list(self, make_node, wrap):
        gone, here = make_node().start(), make_node().start()
        gone.kill()
        wrapper = wrap("app", "--id", "x", "--ttl", "1s", node=[gone, here])
        wrapper.wait_for("registered app/x")
        assert listed(here) == {"x": wrapper.port}


class TestStatus:
    def test_it_is_said_at_first_and_then_the_process_speaks(self, fast, wrap):
        wrapper = wrap("app", "--id", "x", "--status", "starting")
        wrapper.wait_for("registered app/x")
        assert state_of(fast, "app", "x") == "starting"
        assert fast.call("PUT", path_of("app", "x") + "/status", {"status": "up"}).status == 200
        assert state_of(fast, "app", "x") == "up"
        fast.restart()
        until(lambda: wrapper.said.count("registered app/x at") == 2)
        assert state_of(fast, "app", "x") == "up", "not starting again"


def test_shares_port_is_said(fast, wrap):
    wrapper = wrap("app", "--id", "x", "--shares-port")
    wrapper.wait_for("registered app/x")
    assert listed(fast) == {"x": wrapper.port}
