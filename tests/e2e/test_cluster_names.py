"""A node's name belongs to one node: a second one refuses to serve, and a restart is no second one.

NAME_RESTARTS says how many restarts of each kind are tried (100 for the figure in the documents)."""

import os
import shutil
import signal
import socket
import struct
import threading
import time

import pytest

from cluster import Cluster, Consumer, Link, until_listed
from registry import free_port, until
from test_cluster import FAST

RESTARTS = int(os.environ.get("NAME_RESTARTS", "8"))


def boot_of(node):
    return node.call("GET", "/v1/status").json["boot_id"]


def refusal(twin, seconds=20):
    """The node ends by itself with exit code 1; the last line that it wrote."""
    assert twin.wait_exit(seconds) == 1, twin.log.decode()
    return twin.log.decode().strip().splitlines()[-1]


class Mute:
    """A session with one instance whose port nobody answers: it lives by its stream alone, and is
    lost at once if its home is believed to be gone."""

    def __init__(self, node, service, name):
        opened = node.call("POST", "/v1/sessions", {"ttl_ms": 3000}).json
        self.session = opened["session"]
        answer = node.register(service, name, session=self.session, address="127.0.0.1",
                               port=free_port())
        assert answer.status == 201, answer
        self.stream = node.stream(f"/v1/sessions/{self.session}/attach?epoch=1").open()
        self.stream.expect("attached")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For tests that leave it as it was."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), flags=FAST).start()
    yield cluster
    cluster.close()


@pytest.mark.parametrize("data", ["empty", "copied", "memory"])
def test_a_second_node_of_a_running_nodes_name_refuses_and_disturbs_nobody(shared, data):
    first, named, third = shared.nodes
    service = f"kept-{data}"
    provider = Mute(named, service, "k-1")
    for node in shared.nodes:
        until_listed(node, service, {"k-1"})
    folder = shared.folder / f"twin-{data}"
    if data == "copied":
        shutil.copytree(named.data, folder)
    before = {n["node"]: n["http"] for n in third.call("GET", "/v1/nodes").json["nodes"]}
    with Consumer(first, service) as consumer:
        twin = shared.make(1, *(["--dev"] if data == "memory" else []), data=folder)
        twin.spawn()
        said = refusal(twin)
        assert "'node-1' is the name of another node" in said
        assert f"127.0.0.1:{named.port}" in said and boot_of(named) in said, said
        consumer.hears_nothing_for(6)  # longer than it takes to lose a node and its sessions
        assert consumer.ids(service) == {"k-1"}
    for node in shared.nodes:
        assert node.get(service)["instances"][0].get("state", "up") == "up"
        assert {n["node"]: n["http"] for n in node.call("GET", "/v1/nodes").json["nodes"]} == before
    assert named.metrics()["callbook_name_conflicts_total"] == 0  # it never beat
    provider.stream.close()
    named.call("DELETE", f"/v1/sessions/{provider.session}")
    shared.settle()


def test_two_names_of_one_id_are_one_name(make_cluster):
    cluster = make_cluster(nodes=1)
    cluster.bus.start()
    named, twin = (cluster.make(0, data=cluster.folder / name) for name in ("one", "other"))
    named.name, twin.name = "reg-1150", "reg-33055"  # one hash
    cluster.nodes = [named.start()]
    twin.spawn()
    said = refusal(twin)
    assert "'reg-33055' can't be told apart from 'reg-1150'" in said, said
    assert f"127.0.0.1:{named.port}" in said and boot_of(named) in said, said


def test_a_second_node_refuses_though_the_bus_be_away(make_cluster):
    """It is told of the first one by a node that has heard it, and asks at its address."""
    cluster = make_cluster().start()
    cluster.bus.close()
    for node in cluster.nodes:
        until(lambda: node.call("GET", "/v1/nodes").json["bus"]["state"] == "away", 30, "the loss")
    asked, named, _ = cluster.nodes
    twin = cluster.make(1, "--peers", f"127.0.0.1:{asked.port}", data=cluster.folder / "twin")
    twin.spawn()
    said = refusal(twin)
    assert f"127.0.0.1:{named.port}" in said and boot_of(named) in said, said
    heard = {n["node"]: n["http"] for n in asked.call("GET", "/v1/nodes").json["nodes"]}
    assert heard["node-1"] == f"127.0.0.1:{named.port}"


@pytest.mark.parametrize("way", ["bus", "peers"])
def test_of_nodes_that_start_together_under_one_name_one_serves(make_cluster, way):
    cluster = make_cluster(nodes=1).start()
    other = cluster.nodes[0]
    flags = ["--peers", f"127.0.0.1:{other.port}"]
    if way == "peers":
        cluster.bus.close()
    for attempt in range(4):
        twins = [cluster.make(7, *flags, data=cluster.folder / f"{attempt}-{i}").spawn()
                 for i in range(3)]
        until(lambda: sum(twin.alive() for twin in twins) == 1, 30, "all but one to refuse")
        left = next(twin for twin in twins if twin.alive())
        for twin in twins:
            if twin is not left:
                assert "'node-7' is the name of another node" in refusal(twin)
        left.wait_ready()
        assert left.call("GET", "/readyz").status == 200
        left.kill()


def beat_of(name, boot, http, cluster):
    """A node's card as it goes over the wire (docs/formats/bus.md, "Beat")."""
    def text(value):
        raw = value if isinstance(value, bytes) else value.encode()
        assert len(raw) < 16384
        length = bytes([len(raw)]) if len(raw) < 128 else bytes([len(raw) & 127 | 128, len(raw) >> 7])
        return length + raw
    beat = b"\x01" + text(name) + struct.pack("<QQB", boot, int(time.time() * 1000), 1)
    beat += struct.pack("<QQQQQ", 0, 0, 0, 0, 0)
    return b"\x01" + text(beat) + text(cluster) + text(http) + text("0.1.0") + bytes(17)


def test_a_node_that_hears_another_of_its_name_says_where_it_runs(make_cluster):
    cluster = make_cluster(nodes=1).start()
    node = cluster.nodes[0]
    for _ in range(3):
        card = beat_of("node-0", 36 ** 6 + 1, "10.9.8.7:7070", "dc1/dc1")
        assert node.call("POST", "/v1/peer/beat", card).status == 200
    until(lambda: b"10.9.8.7:7070 (boot 100000)" in node.log, 10, "a word about it")
    time.sleep(0.3)
    assert node.log.count(b"10.9.8.7:7070") == 1  # and not again and again
    assert node.metrics()["callbook_name_conflicts_total"] == 3
    assert node.alive() and node.call("GET", "/readyz").status == 200


class Restarts:
    """Kills a node again and again, and starts it 300 ms after."""

    def __init__(self, node, count, keeps_data):
        self.node, self.count, self.keeps_data = node, count, keeps_data
        self.seconds = []
        self.failed = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            for _ in range(self.count):
                self.node.kill()
                time.sleep(0.3)  # the figure that is promised
                if not self.keeps_data:
                    shutil.rmtree(self.node.data, ignore_errors=True)
                began = time.monotonic()
                self.node.start()
                self.seconds.append(time.monotonic() - began)
        except BaseException as error:  # noqa: BLE001  (told by the thread that waits)
            self.failed = error


@pytest.mark.parametrize("way", ["bus", "peers"])
def test_a_restart_right_after_kill_9_succeeds(make_cluster, way):
    """With the data folder and without, on a bus and with --peers alone."""
    cluster = make_cluster(nodes=5)
    first = cluster.nodes[0]
    first.port = free_port()
    for node in cluster.nodes[1:]:
        node.flags += ["--peers", f"127.0.0.1:{first.port}"]
    cluster.start()
    first.register("kept", "k-1")
    cluster.settle()
    if way == "peers":
        cluster.bus.close()
    restarts = [Restarts(node, -(-RESTARTS // 2), keeps_data=i % 2 == 0)
                for i, node in enumerate(cluster.nodes[1:])]
    for one in restarts:
        one.thread.join()
        if one.failed:
            raise one.failed
    for one in restarts:
        assert {i["id"] for i in one.node.get("kept")["instances"]} == {"k-1"}
    seconds = sorted(s for one in restarts for s in one.seconds)
    print(f"{way}: {len(seconds)} of {len(seconds)} restarts, {seconds[0]:.1f} to "
          f"{seconds[-1]:.1f} s, half of them within {seconds[len(seconds) // 2]:.1f} s")


@pytest.fixture
def half_asked():
    """Connections with a request of which the body is missing: a node that is asked to stop waits for it."""
    opened = []

    def ask(node):
        connection = until(lambda: connected(node.port), what="the node to listen")
        connection.sendall(b"PUT /v1/services/a/instances/b HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        opened.append(connection)
        until(lambda: state_while_joining(node) == "joining", what="the node to join")

    yield ask
    for connection in opened:
        connection.close()


def connected(port):
    try:
        return socket.create_connection(("127.0.0.1", port), 5)
    except OSError:
        return None


def state_while_joining(node):
    return node.call("GET", "/readyz").json["state"]


def test_a_node_that_is_stopped_while_it_joins_never_says_that_it_is_ready(make_cluster, half_asked):
    cluster = make_cluster(nodes=0)  # whose bus is not there yet
    node = cluster.make(1, "--stop-grace-ms", "8000")
    cluster.nodes = [node]
    node.port = free_port()
    node.spawn()
    half_asked(node)
    os.kill(node.pid, signal.SIGTERM)
    until(lambda: b"stopping: SIGTERM" in node.log, what="the node to begin to stop")
    cluster.bus.start()  # and with it the node has all that it joins for, long before its grace is over
    said, _ = node.process.stdout.read(), node.wait_exit(20)
    assert said == b"", said


def test_a_node_that_is_stopped_while_it_joins_does_not_end_with_an_error(make_cluster, half_asked):
    cluster = make_cluster(nodes=1).start()
    link = Link(cluster.nodes[0].port)
    link.cut()
    twin = cluster.make(0, "--stop-grace-ms", "8000", "--peers", f"127.0.0.1:{link.port}",
                        bus=f"nats://127.0.0.1:{free_port()}", data=cluster.folder / "twin")
    cluster.nodes.append(twin)
    twin.port = free_port()
    twin.spawn()
    half_asked(twin)
    os.kill(twin.pid, signal.SIGTERM)
    until(lambda: b"stopping: SIGTERM" in twin.log, what="the node to begin to stop")
    link.heal()  # now it is told that its name is taken
    assert twin.wait_exit(20) == 0, twin.log.decode()
    link.close()


def test_another_name_on_an_old_data_folder_is_said(make_node, tmp_path):
    for number, (name, said) in enumerate([("reg-1", False), ("reg-2", True), ("reg-2", False)]):
        node = make_node(data=tmp_path / "data", name=name).start()
        assert (b"was last used by node 'reg-1'; this node is 'reg-2'" in node.log) == said, number
        assert node.stop() == 0
    assert (tmp_path / "data" / "NODE").read_text() == "reg-2\n"
