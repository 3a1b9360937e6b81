"""A host that is lost without a word: its link goes down in a network namespace, so that nothing is
closed, refused or answered any more. Runs itself again in a namespace of its own."""

import os
import subprocess
import sys
import time

import pytest

from lists import Lists
from registry import Connection, Node

INSIDE = "CALLBOOK_INSIDE_NAMESPACE"
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


def run(*command):
    subprocess.run(command, check=True)


@pytest.mark.skipif(INSIDE in os.environ, reason="is what started this")
def test_in_a_namespace_of_its_own():
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    ended = subprocess.run(["unshare", "--map-root-user", "--net", "--", *command],
                           env={**os.environ, INSIDE: "1"}, capture_output=True, text=True)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture
def host():
    """Another namespace, joined to this one by a link; gives the commands to run something there."""
    holder = subprocess.Popen(["unshare", "--net", "--", "sh", "-c", "echo made; exec sleep 600"],
                              stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"made\n"
    there = ["nsenter", "--net", "--target", str(holder.pid), "--"]
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "to-host", "type", "veth", "peer", "name", "to-registry", "netns",
        str(holder.pid))
    run("ip", "address", "add", f"{REGISTRY}/24", "dev", "to-host")
    run("ip", "link", "set", "to-host", "up")
    run(*there, "ip", "address", "add", f"{HOST}/24", "dev", "to-registry")
    run(*there, "ip", "link", "set", "to-registry", "up")
    yield there
    holder.kill()
    holder.wait()
    subprocess.run(["ip", "link", "delete", "to-host"], check=False)


class OpenNode(Node):
    """Reached from the other namespace too."""

    def command(self):
        command = super().command()
        command[command.index("--http") + 1] = f"0.0.0.0:{self.port}"
        return [*command, "--insecure-bind", "--silent-removal-ms", "3000"]

    def wait_ready(self):
        line = self._first_line()
        assert line.startswith("ready "), line
        self.port = int(line.split("http=")[1].split()[0].rsplit(":", 1)[1])
        return self


@pytest.mark.skipif(INSIDE not in os.environ, reason="needs a namespace of its own")
@pytest.mark.parametrize("kind", ["attached", "heartbeats"])
def test_it_is_suspect_in_time_then_down_then_gone(tmp_path, host, kind):
    node = OpenNode(tmp_path / "data").start()
    with Connection(node.port) as api:
        for i in range(3):  # a lone one that is silent would be protected
            body = {"address": "127.0.0.1", "port": 9, "persistent": True}
            assert api.call("PUT", f"/v1/services/orders/instances/p-{i}", body).status == 201
    provider = subprocess.Popen([*host, sys.executable, "-c", PROVIDER, str(node.port), kind],
                                stdout=subprocess.PIPE)
    try:
        assert provider.stdout.readline() == b"ready\n"
        stream = node.stream("/v1/watch?service=orders").open()
        lists = Lists()
        lists.follow(stream, lambda l: l["orders"].whole)
        assert "state" not in lists["orders"].instances["o-1"]
        run(*host, "ip", "link", "set", "to-registry", "down")
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
