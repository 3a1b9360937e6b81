"""A provider that its own node can't reach, and another can. Runs itself again in a namespace of its
own: this is the host of the first node, and there are one of the second and one of the provider."""

import subprocess
import sys
import time

import pytest

from cluster import NatsServer
from hosts import Host, OpenNode, inside, link, run, run_again_inside
from lists import Lists
from registry import until

FIRST, SECOND, PROVIDER = "10.97.0.1", "10.97.0.2", "10.99.0.2"

# Heartbeats go to the first node, as long as there is a way.
PROCESS = """
import http.client, json, socket, sys, time
listener = socket.create_server(("10.99.0.2", 8080))
def call(method, path, body=None):
    connection = http.client.HTTPConnection("10.99.0.1", int(sys.argv[1]), timeout=1)
    connection.request(method, path, json.dumps(body) if body is not None else None)
    return json.loads(connection.getresponse().read() or b"{}")
session = call("POST", "/v1/sessions", {})["session"]
call("PUT", "/v1/services/orders/instances/o-1",
     {"address": "10.99.0.2", "port": 8080, "session": session})
print("ready", flush=True)
while True:
    time.sleep(1)
    try:
        call("PUT", f"/v1/sessions/{session}/heartbeat")
    except OSError:
        pass
"""


@pytest.mark.skipif(inside(), reason="is what started this")
def test_in_namespaces_of_its_own():
    run_again_inside(__file__)


@pytest.fixture
def hosts():
    """Of the second node and of the provider. Each of the three reaches the other two."""
    second, provider = Host(), Host()
    link(second, FIRST, SECOND, "first-second")
    link(provider, "10.99.0.1", PROVIDER, "first-prov")
    second.run("ip", "link", "add", "second-prov", "type", "veth", "peer", "name", "second-prov",
               "netns", provider.pid)
    second.address("second-prov", "10.98.0.1")
    provider.address("second-prov", "10.98.0.2")
    second.run("ip", "route", "add", f"{PROVIDER}/32", "via", "10.98.0.2")
    yield second, provider
    for host in (second, provider):
        host.close()


@pytest.mark.skipif(not inside(), reason="needs a namespace of its own")
def test_who_answers_the_second_node_is_not_taken_for_dead(tmp_path, hosts):
    second_host, provider_host = hosts
    bus = NatsServer(tmp_path / "nats", host="0.0.0.0").start()
    timing = ("--silent-removal-ms", "2000", "--refused-removal-ms", "1000")
    first = OpenNode(tmp_path / "first", "--bus", f"nats://127.0.0.1:{bus.port}", "--advertise",
                     f"{FIRST}:7070", *timing, name="first")
    second = OpenNode(tmp_path / "second", "--bus", f"nats://{FIRST}:{bus.port}", "--advertise",
                      f"{SECOND}:7070", *timing, name="second", prefix=second_host.prefix)
    first.port = second.port = 7070
    provider = None
    try:
        first.start()
        second.start()
        until(lambda: first.metrics()["callbook_peers_heard"] == 1, 20, "the second node")
        for i in range(3):  # a lone one that is silent would be protected
            first.register("orders", f"p-{i}", address="127.0.0.1", port=9)
        provider = subprocess.Popen([*provider_host.prefix, sys.executable, "-c", PROCESS, "7070"],
                                    stdout=subprocess.PIPE)
        assert provider.stdout.readline() == b"ready\n"
        stream = first.stream("/v1/watch?service=orders").open()
        lists = Lists()
        lists.follow(stream, lambda l: "o-1" in l["orders"].instances)

        def state():
            return lists["orders"].instances["o-1"].get("state", "up")

        run("ip", "link", "set", "first-prov", "down")
        lists.follow(stream, lambda l: state() == "unattended", 20)
        end = time.monotonic() + 6
        while time.monotonic() < end:  # far longer than it takes to remove who is silent
            try:
                lists.take(stream.event(end - time.monotonic()))
            except TimeoutError:
                break
            assert state() in ("unattended", "suspect"), lists["orders"].instances
        metrics = first.metrics()
        assert metrics["callbook_probes_answered_elsewhere_total"] > 0
        assert metrics["callbook_probes_elsewhere_total"] >= \
            metrics["callbook_probes_answered_elsewhere_total"]
        run("ip", "link", "set", "first-prov", "up")
        lists.follow(stream, lambda l: state() == "up", 20)
        run("ip", "link", "set", "first-prov", "down")
        provider.kill()
        provider.wait()
        lists.follow(stream, lambda l: "o-1" not in l["orders"].instances, 60)
        assert lists.causes[-1][2] in ("probe_timed_out", "probe_refused")
    finally:
        if provider is not None:
            provider.kill()
            provider.wait()
        for node in (first, second):
            node.close()
        bus.close()
