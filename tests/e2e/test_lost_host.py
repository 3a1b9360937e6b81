"""A host that is lost without a word: its link goes down in a network namespace, so that nothing is
closed, refused or answered any more. Runs itself again in a namespace of its own."""

import subprocess
import sys
import time

import pytest

from hosts import Host, OpenNode, inside, link, run_again_inside
from lists import Lists
from registry import Connection

REGISTRY = "10.99.0.1"
HOST = "10.99.0.2"
MOST_S = 8  # from the loss to `suspect` at a consumer, with default timing

# The provider, on the host that gets lost: attached, or with heartbeats.
PROVIDER = """
import http.client, json, socket, sys, time
port, attached = int(sys.argv[1]), sys.argv[2] == "attached"
listener = socket.create_server(("10.99.0.2", 8080))
def call(method, path, body=None):
    connection = http.client.HTTPConnection("10.99.0.1", port)
    connection.request(method, path, json.dumps(body) if body is not None else None)
    answer = connection.getresponse()
    return json.loads(answer.read() or b"{}")
session = call("POST", "/v1/sessions", {})["session"]
call("PUT", "/v1/services/orders/instances/o-1",
     {"address": "10.99.0.2", "port": 8080, "session": session})
if attached:
    stream = http.client.HTTPConnection("10.99.0.1", port)
    stream.request("GET", f"/v1/sessions/{session}/attach")
    stream.getresponse().fp.readline()
print("ready", flush=True)
while True:
    time.sleep(2)
    if not attached:
        call("PUT", f"/v1/sessions/{session}/heartbeat")
"""


# Many processes of that host, as far as the registry can tell: each session has a port of its own.
MANY = """
import http.client, json, socket, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
connection = http.client.HTTPConnection("10.99.0.1", port)
def call(method, path, body=None):
    connection.request(method, path, json.dumps(body) if body is not None else None)
    return json.loads(connection.getresponse().read() or b"{}")
listeners = [socket.create_server(("10.99.0.2", 8000 + i)) for i in range(count)]
sessions = [call("POST", "/v1/sessions", {})["session"] for _ in range(count)]
for i, session in enumerate(sessions):
    call("PUT", f"/v1/services/orders/instances/m-{i}",
         {"address": "10.99.0.2", "port": 8000 + i, "session": session})
print("ready", flush=True)
while True:
    began = time.monotonic()
    for session in sessions:
        call("PUT", f"/v1/sessions/{session}/heartbeat")
    time.sleep(max(0.1, 1 - (time.monotonic() - began)))
"""


@pytest.mark.skipif(inside(), reason="is what started this")
def test_in_a_namespace_of_its_own():
    run_again_inside(__file__)


@pytest.fixture
def host():
    """Another namespace, joined to this one by a link."""
    made = Host()
    link(made, REGISTRY, HOST, "link-1")
    yield made
    made.close()
    subprocess.run(["ip", "link", "delete", "link-1"], check=False)


@pytest.mark.skipif(not inside(), reason="needs a namespace of its own")
@pytest.mark.parametrize("kind", ["attached", "heartbeats"])
def test_it_is_suspect_in_time_then_down_then_gone(tmp_path, host, kind):
    node = OpenNode(tmp_path / "data", "--silent-removal-ms", "3000").start()
    with Connection(node.port) as api:
        for i in range(3):  # a lone one that is silent would be protected
            body = {"address": "127.0.0.1", "port": 9, "persistent": True}
            assert api.call("PUT", f"/v1/services/orders/instances/p-{i}", body).status == 201
    provider = subprocess.Popen([*host.prefix, sys.executable, "-c", PROVIDER, str(node.port), kind],
                                stdout=subprocess.PIPE)
    try:
        assert provider.stdout.readline() == b"ready\n"
        stream = node.stream("/v1/watch?service=orders").open()
        lists = Lists()
        lists.follow(stream, lambda l: l["orders"].whole)
        assert "state" not in lists["orders"].instances["o-1"]
        host.run("ip", "link", "set", "link-1", "down")
        lost = time.monotonic()
        lists.follow(stream, lambda l: "state" in l["orders"].instances["o-1"])
        suspect_s = time.monotonic() - lost
        lists.follow(stream, lambda l: l["orders"].instances["o-1"]["state"] == "down")
        down_s = time.monotonic() - lost
        lists.follow(stream, lambda l: "o-1" not in l["orders"].instances)
        print(f"lost host, {kind}: suspect after {suspect_s:.2f} s, down after {down_s:.2f} s, "
              f"gone {time.monotonic() - lost - down_s:.2f} s later")
        assert suspect_s <= MOST_S
        assert lists.causes == [("orders", "o-1", "probe_timed_out")]
    finally:
        provider.kill()
        provider.wait()
        node.close()


@pytest.mark.skipif(not inside(), reason="needs a namespace of its own")
def test_all_of_a_lost_host_are_judged_together(tmp_path, host):
    many = 60
    node = OpenNode(tmp_path / "data", "--silent-removal-ms", "600000").start()
    provider = subprocess.Popen([*host.prefix, sys.executable, "-c", MANY, str(node.port), str(many)],
                                stdout=subprocess.PIPE)
    try:
        assert provider.stdout.readline() == b"ready\n"
        stream = node.stream("/v1/watch?service=orders").open()
        lists = Lists()
        lists.follow(stream, lambda l: l["orders"].whole)
        seen = {}  # when each was first seen in a state

        def note(instances):
            for name, instance in instances.items():
                if name.startswith("m-"):
                    seen.setdefault((name, instance.get("state", "up")), time.monotonic())
            return [n for n, i in instances.items() if i.get("state", "up") in ("up", "suspect")]

        host.run("ip", "link", "set", "link-1", "down")
        lost = time.monotonic()
        lists.follow(stream, lambda l: not note(l["orders"].instances), 60)
        suspect = {n: t for (n, state), t in seen.items() if state == "suspect"}
        judged = {n: t for (n, state), t in seen.items() if state in ("down", "protected")}
        slowest = max(judged[name] - suspect.get(name, judged[name]) for name in judged)
        print(f"lost host of {many}: all judged after {max(judged.values()) - lost:.2f} s; the slowest "
              f"{slowest:.2f} s after it was suspected; {node.metrics()}")
        assert len(judged) == many
        assert max(judged.values()) - lost <= MOST_S + 4
        assert node.metrics()["callbook_probes_concluded_unasked_total"] > 0
    finally:
        provider.kill()
        provider.wait()
        node.close()
