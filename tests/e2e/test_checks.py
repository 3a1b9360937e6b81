"""Instances that the registry checks itself: real servers that answer, fail, hang or are gone."""

import json
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest

from lists import Lists
from registry import assert_problem, binary, path_of, until

FAST = ("--min-check-interval-ms", "100", "--max-check-remove-after-ms", "60000")
CHECK = {"interval_ms": 200, "timeout_ms": 200}
# For many at once, so that the tests' own server keeps up.
SLOWER = {"interval_ms": 1000, "timeout_ms": 1000, "failures": 2}


class Service:
    """An HTTP server that answers every GET with `status`, or with that of its path, after letting
    it pass `gate`."""

    def __init__(self, port=0):
        self.status = 200
        self.statuses = {}
        self.paths = []
        self.gate = threading.Event()
        self.gate.set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                service.paths.append(self.path)
                service.gate.wait(20)
                status = service.statuses.get(self.path, service.status)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # the prober hangs up when it knows enough
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def service():
    made = Service()
    yield made
    made.stop()


def register(node, service, name, check, **registration):
    registration = {"address": "127.0.0.1", "port": 9, **registration}
    return node.call("PUT", f"/v1/services/{service}/instances/{name}",
                     {**registration, "check": {**CHECK, **check}})


def register_several(node, service, name, checks, ports):
    """With `checks` by name, at the named `ports`."""
    answer = node.call("PUT", f"/v1/services/{service}/instances/{name}",
                       {"address": "127.0.0.1", "port": 9, "ports": ports,
                        "checks": {key: {**CHECK, **check} for key, check in checks.items()}})
    assert answer.status in (200, 201), answer
    return answer.json


def results(node, service, **query):
    """What the node says of the checks of `service`: {(instance, check): …}."""
    answer = node.call("GET", path_of(service) + "/checks" +
                       ("?" + urlencode(query) if query else ""))
    assert answer.status == 200, answer
    return {(one["id"], one["name"]): one for one in answer.json["checks"]}


def states(node, service):
    return {one["id"]: one.get("state", "up") for one in node.get(service)["instances"]}


def state(node, service, name):
    answer = node.call("GET", f"/v1/services/{service}/instances/{name}")
    return answer.json.get("state", "up") if answer.status == 200 else None


def http(port, **more):
    return {"http": {"path": "/health", "port": port}, **more}


def path(name, port, **more):
    return {"http": {"path": f"/{name}", "port": port}, **more}


class TestHttp:
    def test_it_is_up_while_it_answers_with_2xx(self, make_node, service):
        node = make_node(*FAST).start()
        stream = node.stream("/v1/watch?service=db").open()
        lists = Lists()
        lists.follow(stream, lambda l: l["db"].whole)
        answer = register(node, "db", "db-1", http(service.port), ports={"admin": service.port})
        assert answer.status == 201, answer
        lists.follow(stream, lambda l: l["db"].instances.get("db-1", {}).get("state", "up") == "up"
                     and "db-1" in l["db"].instances)
        service.status = 503
        lists.follow(stream, lambda l: l["db"].instances["db-1"].get("state") == "down")
        assert ("db", "db-1", "suspect", "check_failed") in lists.states
        assert lists.states[-1] == ("db", "db-1", "down", "check_failed")
        service.status = 204
        lists.follow(stream, lambda l: l["db"].instances["db-1"].get("state", "up") == "up")
        assert set(service.paths) == {"/health"}

    def test_a_redirect_is_not_followed_and_no_success(self, make_node, service):
        service.status = 302
        node = make_node(*FAST).start()
        register(node, "db", "db-1", http(service.port), ports={"admin": service.port})
        until(lambda: state(node, "db", "db-1") == "down" or None)
        assert set(service.paths) == {"/health"}

    def test_one_that_hangs_times_out(self, make_node, service):
        node = make_node(*FAST).start()
        register(node, "db", "db-1", http(service.port), ports={"admin": service.port})
        until(lambda: state(node, "db", "db-1") == "up" or None)
        service.gate.clear()
        until(lambda: state(node, "db", "db-1") == "down" or None)
        service.gate.set()
        until(lambda: state(node, "db", "db-1") == "up" or None)


class TestTcp:
    def test_refused_is_down_and_it_comes_back(self, make_node):
        node = make_node(*FAST).start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            register(node, "db", "db-1", {"tcp": {}}, port=port)
            until(lambda: state(node, "db", "db-1") == "up" or None)
        until(lambda: state(node, "db", "db-1") == "down" or None)
        node.restart()
        assert state(node, "db", "db-1") == "down"
        with socket.create_server(("127.0.0.1", port)):
            until(lambda: state(node, "db", "db-1") == "up" or None)

    def test_it_is_removed_only_by_wish_and_says_why(self, make_node):
        node = make_node(*FAST).start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            register(node, "db", "stays", {"tcp": {}}, port=port)
            register(node, "db", "goes", {"tcp": {}, "remove_after_ms": 600}, port=port)
            until(lambda: state(node, "db", "goes") == "up" or None)
            stream = node.stream("/v1/watch?service=db").open()
            lists = Lists()
            lists.follow(stream, lambda l: l["db"].whole)
        lists.follow(stream, lambda l: "goes" not in l["db"].instances)
        assert ("db", "goes", "probe_refused") in lists.causes
        assert state(node, "db", "stays") == "down"

    def test_a_named_port_can_be_checked(self, make_node):
        node = make_node(*FAST).start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            register(node, "db", "db-1", {"tcp": {"port": port}}, ports={"admin": port})
            until(lambda: state(node, "db", "db-1") == "up" or None)


class TestSeveral:
    def test_the_worst_of_them_counts(self, make_node, service):
        node = make_node(*FAST).start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            admin = listener.getsockname()[1]
            register_several(node, "db", "db-1",
                             {"web": path("web", service.port), "api": path("api", service.port),
                              "admin": {"tcp": {"port": admin}}},
                             {"http": service.port, "admin": admin})
            until(lambda: state(node, "db", "db-1") == "up" or None)
            service.statuses["/api"] = 503
            until(lambda: state(node, "db", "db-1") == "down" or None)
            seen = results(node, "db")
            assert {name: one["status"] for (_, name), one in seen.items()} == \
                {"admin": "passing", "api": "failing", "web": "passing"}
            failing = seen["db-1", "api"]
            assert failing["kind"] == "http" and failing["home"] == node.name
            assert failing["target"] == f"127.0.0.1:{service.port}/api"
            assert failing["failures"] >= 3 and failing["output"]
            assert failing["checked_ms_ago"] >= 0 and failing["elapsed_ms"] >= 0
        # The port of the third is closed by now.
        service.statuses["/api"] = 200
        until(lambda: results(node, "db")["db-1", "api"]["status"] == "passing" or None)
        until(lambda: results(node, "db")["db-1", "admin"]["status"] == "failing" or None)
        assert state(node, "db", "db-1") == "down"
        with socket.create_server(("127.0.0.1", admin)):
            until(lambda: state(node, "db", "db-1") == "up" or None)

    def test_each_has_an_interval_of_its_own(self, make_node, service):
        node = make_node(*FAST).start()
        register_several(node, "db", "db-1",
                         {"often": path("often", service.port),
                          "seldom": path("seldom", service.port, interval_ms=600000)},
                         {"http": service.port})
        until(lambda: service.paths.count("/often") > 20 or None)
        # At once, and once more while it was not known to be up.
        assert 1 <= service.paths.count("/seldom") <= 2

    def test_a_restart_keeps_them_and_what_is_known_of_the_instance(self, make_node, service):
        node = make_node(*FAST).start()
        checks = {"web": path("web", service.port), "api": path("api", service.port)}
        register_several(node, "db", "db-1", checks, {"http": service.port})
        until(lambda: state(node, "db", "db-1") == "up" or None)
        service.statuses["/api"] = 500
        until(lambda: state(node, "db", "db-1") == "down" or None)
        service.gate.clear()  # nothing is found out anew
        node.restart()
        assert state(node, "db", "db-1") == "down"
        assert {one["status"] for one in results(node, "db").values()} == {"unknown"}
        service.statuses.clear()
        service.gate.set()
        until(lambda: state(node, "db", "db-1") == "up" or None)
        assert set(results(node, "db")) == {("db-1", "web"), ("db-1", "api")}

    def test_registering_again_and_again_does_not_keep_results_from_being_heard(self, make_node,
                                                                                service):
        node = make_node(*FAST).start()
        checks = {"web": {"http": {"path": "/web", "port": service.port}, "interval_ms": 60000,
                          "timeout_ms": 20000, "failures": 1}}
        register_several(node, "db", "db-1", checks, {"http": service.port})
        until(lambda: state(node, "db", "db-1") == "up" or None)
        service.status = 500
        service.gate.clear()
        asked = len(service.paths)
        register_several(node, "db", "db-1", checks, {"http": service.port})
        until(lambda: len(service.paths) > asked or None)
        for _ in range(5):
            assert register_several(node, "db", "db-1", checks,
                                    {"http": service.port})["result"] == "unchanged"
        service.gate.set()
        until(lambda: state(node, "db", "db-1") == "down" or None)
        assert len(service.paths) == asked + 1

    def test_pages_of_results(self, make_node, service):
        node = make_node(*FAST).start()
        for i in range(5):
            register_several(node, "db", f"db-{i}",
                             {"a": path("a", service.port), "b": path("b", service.port)},
                             {"http": service.port})
        node.register("db", "unchecked", persistent=True)
        assert len(results(node, "db")) == 10
        seen, after = [], ""
        while True:
            answer = node.call("GET", path_of("db") + f"/checks?limit=3&after={after}"
                               if after else path_of("db") + "/checks?limit=3")
            seen += [(one["id"], one["name"]) for one in answer.json["checks"]]
            after = answer.json.get("next")
            if after is None:
                break
        assert seen == [(f"db-{i}", name) for i in range(5) for name in "ab"]
        assert_problem(node.call("GET", path_of("none") + "/checks"), 404, "not_found", "service")


class TestManyAtOnce:
    @pytest.mark.parametrize("ill, size", [(1, 10), (2, 10), (2, 3), (3, 20), (2, 2), (1, 1)])
    def test_those_that_fail_are_down_whatever_their_share(self, make_node, service, ill, size):
        node = make_node(*FAST).start()
        for i in range(size):
            register(node, "db", f"db-{i}", path(f"i{i}", service.port, **SLOWER),
                     ports={"admin": service.port})
        until(lambda: set(states(node, "db").values()) == {"up"} or None, 60)
        with node.stream("/v1/watch?service=db").open() as stream:
            lists = Lists()
            lists.follow(stream, lambda l: l["db"].whole)
            for i in range(ill):
                service.statuses[f"/i{i}"] = 500
            down = {f"db-{i}" for i in range(ill)}
            lists.follow(stream, lambda l: down == {
                name for name, one in l["db"].instances.items() if one.get("state") == "down"})
            assert not [change for change in lists.states if change[2] == "protected"]
            assert {change[1] for change in lists.states} == down

    def test_two_of_ten_are_out_of_calls_within_one_interval(self, make_node, service):
        interval_ms = 3000
        node = make_node(*FAST).start()
        check = {"interval_ms": interval_ms, "timeout_ms": 1000, "failures": 1}
        for i in range(10):
            register(node, "db", f"db-{i}", path(f"i{i}", service.port, **check),
                     ports={"admin": service.port})
        until(lambda: set(states(node, "db").values()) == {"up"} or None, 60)
        service.statuses.update({"/i2": 500, "/i7": 500})
        began = time.monotonic()
        until(lambda: [name for name, one in states(node, "db").items() if one == "down"] ==
              ["db-2", "db-7"] or None)
        # Each has been asked once more: a check begins every interval.
        assert time.monotonic() - began < interval_ms / 1000 + 1.0

    def test_only_a_whole_service_of_three_or_more_is_protected(self, make_node, service):
        node = make_node(*FAST).start()
        for i in range(20):
            register(node, "db", f"db-{i}", path(f"i{i}", service.port, **SLOWER),
                     ports={"admin": service.port})
        until(lambda: set(states(node, "db").values()) == {"up"} or None, 60)
        service.status = 500
        until(lambda: set(states(node, "db").values()) == {"protected"} or None, 60)
        service.statuses["/i4"] = 200  # one passes: the failures of the others are believed
        until(lambda: sorted(states(node, "db").values()) == ["down"] * 19 + ["up"] or None, 60)
        service.status = 200
        until(lambda: set(states(node, "db").values()) == {"up"} or None, 60)

    def test_a_refused_connection_is_believed_of_every_instance(self, make_node, service):
        node = make_node(*FAST).start()
        for i in range(4):
            register(node, "db", f"db-{i}", http(service.port, **SLOWER), ports={"a": service.port})
        until(lambda: set(states(node, "db").values()) == {"up"} or None)
        service.stop()
        until(lambda: set(states(node, "db").values()) == {"down"} or None)

    def test_a_service_may_have_its_failures_believed(self, make_node, tmp_path, service):
        config = tmp_path / "callbook.toml"
        config.write_text("[service.db]\nprotect_failing = false\n")
        node = make_node(*FAST, "--config", str(config)).start()
        for name in ("db", "other"):
            for i in range(3):
                register(node, name, f"{name}-{i}", http(service.port, failures=1),
                         ports={"a": service.port})
        until(lambda: set(states(node, "db").values()) == {"up"} or None)
        until(lambda: set(states(node, "other").values()) == {"up"} or None)
        service.status = 500
        until(lambda: set(states(node, "other").values()) == {"protected"} or None)
        until(lambda: set(states(node, "db").values()) == {"down"} or None)

    def test_wrong_answers_are_removed_by_wish_beyond_the_budget(self, make_node, service):
        node = make_node(*FAST).start()
        for i in range(4):
            register(node, "db", f"db-{i}", http(service.port, remove_after_ms=1000, failures=1),
                     ports={"a": service.port})
        until(lambda: set(states(node, "db").values()) == {"up"} or None)
        service.status = 500
        until(lambda: states(node, "db") == {} or None)
        assert node.get("db")["empty"] == {"reason": "all_left", "causes": {"check_failed": 4}}

    def test_silent_ones_are_removed_by_wish_within_the_budget(self, make_node, service):
        node = make_node(*FAST).start()
        for i in range(4):
            register(node, "db", f"db-{i}", http(service.port, remove_after_ms=1000, failures=1),
                     ports={"a": service.port})
        until(lambda: set(states(node, "db").values()) == {"up"} or None)
        service.gate.clear()
        # One a minute of so few; the others stay, protected.
        until(lambda: sorted(states(node, "db").values()) == ["protected"] * 3 or None)
        asked = len(service.paths)
        until(lambda: len(service.paths) > asked + 20 or None)
        assert len(states(node, "db")) == 3


class TestCluster:
    def test_the_home_checks_and_a_survivor_takes_over(self, make_cluster, service):
        cluster = make_cluster(nodes=2, flags=[*FAST, "--lost-after-ms", "3000",
                                               "--takeover-grace-ms", "2000"]).start()
        first, second = cluster.nodes
        register_several(first, "db", "db-1",
                         {"web": path("web", service.port), "api": path("api", service.port)},
                         {"http": service.port})
        until(lambda: state(second, "db", "db-1") == "up" or None)
        for node in (first, second):
            until(lambda: {one["home"] for one in results(node, "db").values()} == {first.name}
                  or None)
        assert all("output" not in one and one["status"] == "passing"
                   for one in results(second, "db").values())
        service.statuses["/api"] = 500
        until(lambda: state(second, "db", "db-1") == "down" or None)
        # Which of the two fails is known at the home alone.
        assert {one["status"] for one in results(second, "db").values()} == {"unknown"}
        assert results(first, "db")["db-1", "api"]["status"] == "failing"
        first.kill()
        until(lambda: results(second, "db")["db-1", "api"].get("failures") or None, 40)
        assert {one["home"] for one in results(second, "db").values()} == {second.name}
        assert state(second, "db", "db-1") == "down"
        service.statuses.clear()
        until(lambda: state(second, "db", "db-1") == "up" or None)


class TestCommand:
    def run(self, node, *arguments):
        return subprocess.run(
            [binary(), "checks", *arguments, "--registry", f"127.0.0.1:{node.port}"],
            capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL)

    def test_it_shows_the_results(self, make_node, service):
        node = make_node(*FAST).start()
        register_several(node, "db", "db-1",
                         {"web": path("web", service.port), "admin": {"tcp": {"port": 9}}},
                         {"http": service.port})
        until(lambda: results(node, "db")["db-1", "admin"]["status"] == "failing" or None)
        until(lambda: results(node, "db")["db-1", "web"]["status"] == "passing" or None)
        done = self.run(node, "db")
        assert done.returncode == 0, done.stderr
        heading, admin, web = done.stdout.splitlines()
        assert heading.split() == ["INSTANCE", "CHECK", "KIND", "TARGET", "STATUS", "AGE", "OUTPUT"]
        assert admin.split()[:5] == ["db-1", "admin", "tcp", "127.0.0.1:9", "failing"]
        assert web.split()[:5] == ["db-1", "web", "http", f"127.0.0.1:{service.port}/web", "passing"]
        listed = json.loads(self.run(node, "db", "--json").stdout)
        assert listed["service"] == "db"
        assert [one["name"] for one in listed["checks"]] == ["admin", "web"]

    def test_nothing_to_show(self, node):
        node.register("db", "db-1", persistent=True)
        done = self.run(node, "db")
        assert done.returncode == 3 and "no instance of db is checked" in done.stderr
        done = self.run(node, "none")
        assert done.returncode == 3 and "none" in done.stderr


class TestBadInput:
    @pytest.mark.parametrize("check,field", [
        ({"tcp": {}, "interval_ms": 999}, "check.interval_ms"),
        ({"tcp": {}, "timeout_ms": 201}, "check.timeout_ms"),
        ({"tcp": {}, "failures": 0}, "check.failures"),
        ({"tcp": {}, "successes": 101}, "check.successes"),
        ({"tcp": {}, "remove_after_ms": 1}, "check.remove_after_ms"),
        ({"tcp": {"port": 22}}, "check.tcp.port"),
        ({"http": {"path": "health"}}, "check.http.path"),
        ({"http": {"path": "/a\r\nb"}}, "check.http.path"),
        ({"http": {"path": "/", "headers": {"Host": "x"}}}, "check.http.headers.Host"),
        ({"http": {"path": "/", "headers": {"X": "a\r\nY: b"}}}, "check.http.headers.X"),
        ({"http": {"path": "/", "method": "DELETE"}}, "check.http.method"),
        ({"http": {"path": "/", "expect": ["600"]}}, "check.http.expect"),
        ({"https": {"path": "/", "server_name": "a b"}}, "check.https.server_name"),
        ({"grpc": {"service": "a b"}}, "check.grpc.service"),
        ({"udp": {"payload": "x" * 513}}, "check.udp.payload"),
        ({"tcp": {}, "http": {"path": "/"}}, "check"),
        ({}, "check"),
    ])
    def test_contradictory_checks_are_refused(self, node, check, field):
        check = {"interval_ms": 1000, "timeout_ms": 200, **check}
        if field == "check.timeout_ms":
            check["timeout_ms"] = 1001
        answer = node.call("PUT", "/v1/services/db/instances/db-1",
                           {"address": "127.0.0.1", "port": 80, "check": check})
        assert answer.status in (400, 422), answer
        assert answer.json["field"] == field, answer.json
        assert state(node, "db", "db-1") is None

    def test_more_failures_than_can_be_stored_do_not_end_the_server(self, node):
        answer = node.call("PUT", "/v1/services/db/instances/db-1",
                           {"address": "127.0.0.1", "port": 80,
                            "check": {"tcp": {}, "failures": 70000}})
        assert_problem(answer, 422, "limit_exceeded", "check.failures")
        assert node.call("GET", "/healthz").status == 200

    @pytest.mark.parametrize("checks,field", [
        ({}, "checks"),
        ({f"c{i}": {"tcp": {}} for i in range(17)}, "checks"),
        ({"a b": {"tcp": {}}}, "checks"),
        ({"web": {"http": {"path": "health"}}}, "checks.web.http.path"),
        ({"web": {"http": {"path": "/"}}, "db": {"tcp": {"port": 22}}}, "checks.db.tcp.port"),
        ({"web": {"tcp": {}, "every": 5}}, "checks.web.every"),
    ])
    def test_the_check_at_fault_is_named(self, node, checks, field):
        answer = node.call("PUT", "/v1/services/db/instances/db-1",
                           {"address": "127.0.0.1", "port": 80, "checks": checks})
        assert answer.status in (400, 422), answer
        assert answer.json["field"] == field, answer.json
        assert state(node, "db", "db-1") is None

    def test_only_single_hosts_are_checked(self, node):
        for address in ("169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "db.example"):
            answer = node.call("PUT", "/v1/services/db/instances/db-1",
                               {"address": address, "port": 80, "check": {"tcp": {}}})
            assert_problem(answer, 400, "invalid", "address")

    def test_one_with_a_check_needs_no_heartbeats(self, node):
        node.call("PUT", "/v1/services/db/instances/db-1",
                  {"address": "127.0.0.1", "port": 80, "check": {"tcp": {}}})
        assert_problem(node.call("PUT", "/v1/services/db/instances/db-1/heartbeat"), 409, "conflict",
                       "id")
