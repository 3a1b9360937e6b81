"""Instances whose address is a host name: providers that are killed, names that go, a resolver that
is away, and checks."""

import signal
import socket
import subprocess
import sys
import time

import pytest

import checked
from dns_server import DnsServer
from lists import Lists
from registry import until

QUICK = ("--refused-removal-ms", "500", "--silent-removal-ms", "500", "--name-cache-ms", "1000",
         "--min-check-interval-ms", "100")

# A process that listens, and sends the heartbeats of its session.
PROVIDER = """
import http.client, json, socket, sys, time
registry, address, port, instance = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
listener = socket.create_server(("127.0.0.1", port))
def call(method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", registry)
    connection.request(method, path, json.dumps(body) if body is not None else None)
    answer = connection.getresponse()
    return json.loads(answer.read() or b"{}")
session = call("POST", "/v1/sessions", {"ttl_ms": 1000})["session"]
call("PUT", f"/v1/services/orders/instances/{instance}",
     {"address": address, "port": listener.getsockname()[1], "session": session})
print(listener.getsockname()[1], flush=True)
while True:
    time.sleep(0.3)
    call("PUT", f"/v1/sessions/{session}/heartbeat")
"""


@pytest.fixture
def dns():
    made = DnsServer()
    yield made
    made.close()


@pytest.fixture
def provide():
    """Starts providers; what it returns can be killed, and knows its port."""
    started = []

    def start(node, address, port=0, instance="o-1"):
        process = subprocess.Popen(
            [sys.executable, "-c", PROVIDER, str(node.port), address, str(port), instance],
            stdout=subprocess.PIPE)
        started.append(process)
        process.port = int(process.stdout.readline())
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def add_companions(node):
    """Others of the service: a lone one that is silent would be protected."""
    for i in range(3):
        node.register("orders", f"p-{i}", persistent=True, address="127.0.0.1", port=9)


def follow(node):
    stream = node.stream("/v1/watch?service=orders").open()
    lists = Lists()
    lists.follow(stream, lambda l: l["orders"].whole)
    return stream, lists


def state(node, instance="o-1"):
    return checked.state(node, "orders", instance)


class TestAProvider:
    @pytest.mark.parametrize("address", ["localhost", "provider.test"])
    def test_that_is_killed_leaves(self, make_node, dns, provide, address):
        dns.hosts["provider.test"] = "127.0.0.1"
        node = make_node(*QUICK, "--resolver", dns.endpoint).start()
        add_companions(node)  # a list that is emptied comes without what became of each
        provider = provide(node, address)
        stream, lists = follow(node)
        assert lists["orders"].instances["o-1"]["address"] == address
        provider.kill()
        lists.follow(stream, lambda l: "o-1" not in l["orders"].instances)
        assert ("orders", "o-1", "down", "probe_refused") in lists.states
        assert lists.causes == [("orders", "o-1", "probe_refused")]

    def test_that_is_stopped_is_unattended_and_comes_back(self, make_node, dns, provide):
        dns.hosts["provider.test"] = "127.0.0.1"
        node = make_node(*QUICK, "--resolver", dns.endpoint).start()
        provider = provide(node, "provider.test")
        provider.send_signal(signal.SIGSTOP)
        until(lambda: state(node) == "unattended")
        provider.send_signal(signal.SIGCONT)
        until(lambda: state(node) == "up")

    def test_whose_name_goes_with_it_is_silent_and_leaves(self, make_node, dns, provide):
        dns.hosts["provider.test"] = "127.0.0.1"
        node = make_node(*QUICK, "--resolver", dns.endpoint).start()
        add_companions(node)
        provider = provide(node, "provider.test")
        stream, lists = follow(node)
        del dns.hosts["provider.test"]
        provider.kill()
        lists.follow(stream, lambda l: "o-1" not in l["orders"].instances)
        assert lists.causes == [("orders", "o-1", "probe_timed_out")]

    def test_whose_name_leads_nowhere_that_may_be_asked_is_not_judged(self, make_node, dns, provide):
        dns.hosts["provider.test"] = "169.254.169.254"
        node = make_node(*QUICK, "--resolver", dns.endpoint).start()
        add_companions(node)
        provider = provide(node, "provider.test")
        provider.kill()
        until(lambda: state(node) == "suspect")
        asked = dns.asked
        until(lambda: dns.asked > asked + 4)  # rounds of probes, each of which looks it up
        assert state(node) == "suspect"


class TestTheResolver:
    def test_that_is_away_judges_nobody(self, make_node, dns, provide):
        names = [f"provider-{i}.test" for i in range(4)]
        for name in names:
            dns.hosts[name] = "127.0.0.1"
        node = make_node(*QUICK, "--resolver", dns.endpoint).start()
        add_companions(node)
        providers = [provide(node, name, instance=f"o-{i}") for i, name in enumerate(names)]
        dns.mute = True
        for provider in providers:
            provider.kill()
        until(lambda: all(state(node, f"o-{i}") == "suspect" for i in range(4)))
        end = time.monotonic() + 5  # far longer than three rounds and removal take
        while time.monotonic() < end:
            assert all(state(node, f"o-{i}") == "suspect" for i in range(4))
            time.sleep(0.1)
        dns.mute = False
        until(lambda: all(state(node, f"o-{i}") is None for i in range(4)), 60)
        metrics = node.metrics()
        assert metrics["callbook_names_asked_total"] > metrics["callbook_names_answered_total"] > 0

    def test_must_be_an_address(self, make_node):
        node = make_node("--resolver", "dns.example")
        node.spawn()
        assert node.wait_exit() == 2

    def test_is_not_remembered_for_longer_than_it_may(self, make_node):
        node = make_node("--name-cache-ms", "30001")
        node.spawn()
        assert node.wait_exit() == 2


class TestAChecked:
    def test_instance_may_have_a_name(self, make_node, dns):
        dns.hosts["db.test"] = "127.0.0.1"
        node = make_node(*QUICK, "--resolver", dns.endpoint).start()
        add_companions(node)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            answer = node.call("PUT", "/v1/services/orders/instances/o-1", {
                "address": "db.test", "port": listener.getsockname()[1],
                "check": {"tcp": {}, "interval_ms": 200, "timeout_ms": 200}})
            assert answer.status == 201, answer
            until(lambda: state(node) == "up")
        until(lambda: state(node) == "down")
