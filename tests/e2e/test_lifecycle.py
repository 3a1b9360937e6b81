"""Starting and stopping: signals, a second server on the same data, the port, binding to the
network."""

import os
import signal
import socket
import subprocess
import threading

import pytest

from http_stream import Stream
from lists import EMPTY_DIGEST, check_snapshot
from registry import binary, clean_environment, free_port, until


def run_server(*flags, seconds=20, env=None, cwd=None):
    """Runs a server that is expected to give up by itself."""
    return subprocess.run([binary(), "server", *flags], capture_output=True, text=True,
                          timeout=seconds, env=clean_environment(env), stdin=subprocess.DEVNULL,
                          cwd=cwd)


def refuses_connections(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class HalfSentRequest:
    """A registration whose header the server has accepted and whose body is still to come."""

    BODY = b'{"address":"10.0.0.1","persistent":true}'

    def __init__(self, node, instance):
        self.socket = socket.create_connection(("127.0.0.1", node.port), 30)
        self.socket.sendall(
            f"PUT /v1/services/under-way/instances/{instance} HTTP/1.1\r\nHost: e2e\r\n"
            f"Content-Length: {len(self.BODY)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert self.read_head().startswith(b"HTTP/1.1 100")

    def read_head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            assert byte, f"closed after {head!r}"
            head += byte
        return head

    def finish(self):
        self.socket.sendall(self.BODY)
        head = self.read_head()
        self.socket.close()
        return int(head.split()[1])


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_graceful_stop(make_node, sig):
    node = make_node().start()
    node.register("stopping", "o-1")
    watch = node.watch("stopping").open()
    watch.expect("snapshot")
    session = node.open_session()
    attached = node.stream(f"/v1/sessions/{session}/attach").open()
    attached.expect("attached")
    digest = node.get("stopping")["digest"]
    polled = Stream(node.port, f"/v1/services/stopping?wait=5m&digest={digest}")
    half = HalfSentRequest(node, "o-1")

    os.kill(node.pid, sig)
    until(lambda: refuses_connections(node.port), what="the listener being closed")
    assert half.finish() == 201, "a request under way is answered"
    polled.read_head()
    assert polled.status in (200, 503), "a long-poll is answered, not cut"
    watch.expect_end(10)
    attached.expect_end(10)
    assert node._end(10) == 0

    node.start()
    assert len(check_snapshot(node.get("under-way"))["instances"]) == 1
    assert len(node.get("stopping")["instances"]) == 1
    assert node.call("PUT", f"/v1/sessions/{session}/heartbeat").status == 200


def test_an_idle_node_stops_at_once(make_node):
    node = make_node().start()
    with node.connect() as kept:
        assert kept.call("GET", "/healthz").status == 200
        assert node.stop(seconds=5) == 0


def test_a_request_that_never_ends_does_not_keep_it(make_node):
    node = make_node().start()
    HalfSentRequest(node, "o-1")
    assert node.stop(seconds=15) == 0


def test_a_second_signal_ends_it(make_node):
    node = make_node().start()
    half = HalfSentRequest(node, "o-1")
    os.kill(node.pid, signal.SIGTERM)
    until(lambda: refuses_connections(node.port), what="the listener being closed")
    os.kill(node.pid, signal.SIGTERM)
    node.process.wait(15)
    half.socket.close()


def test_signals_while_loading_and_twice_in_a_row(make_node):
    """Stopping right after the start leaves a store that opens."""
    node = make_node()
    for _ in range(5):
        node.spawn()
        os.kill(node.pid, signal.SIGTERM)
        code = node._end(20)
        assert code in (0, -signal.SIGTERM), (code, node.log)
    node.start()
    assert node.register("after", "o-1").status == 201


def test_the_ready_line_is_all_there_is_on_standard_output(make_node):
    node = make_node().start()
    node.register("quiet", "o-1")
    os.kill(node.pid, signal.SIGTERM)
    assert node.process.stdout.read() == b""
    assert node._end(20) == 0


def test_one_process_a_data_directory(make_node):
    node = make_node().start()
    second = run_server("--node", "second", "--data", str(node.data), "--http", "127.0.0.1:0")
    assert second.returncode not in (0, None) and second.returncode > 0
    assert second.stdout == ""
    assert str(node.data) in second.stderr, second.stderr
    assert "process" in second.stderr or "in use" in second.stderr, second.stderr
    assert node.register("first", "o-1").status == 201, "the first is not disturbed"
    node.restart()


def test_the_port_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        failed = run_server("--data", str(tmp_path / "data"), "--http", f"127.0.0.1:{port}")
    assert failed.returncode > 0 and failed.stdout == ""
    assert f"127.0.0.1:{port}" in failed.stderr and "in use" in failed.stderr.lower()


def test_the_port_of_another_node(make_node, tmp_path):
    """SO_REUSEPORT lets threads of one node share a port, never two nodes."""
    node = make_node().start()
    failed = run_server("--data", str(tmp_path / "other"), "--http", f"127.0.0.1:{node.port}")
    assert failed.returncode > 0 and str(node.port) in failed.stderr


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]"])
def test_binding_to_the_network_must_be_asked_for(tmp_path, address):
    failed = run_server("--data", str(tmp_path / "data"), "--http", f"{address}:0")
    assert failed.returncode > 0 and failed.stdout == ""
    assert "--insecure-bind" in failed.stderr, failed.stderr


def test_insecure_bind(make_node):
    node = make_node("--insecure-bind", data=None)
    port = free_port()
    process = subprocess.Popen(
        [binary(), "server", "--node", "open", "--data", str(node.data), "--http",
         f"0.0.0.0:{port}", "--insecure-bind"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=clean_environment())
    try:
        assert process.stdout.readline().decode().startswith("ready node=open http=0.0.0.0:")
        assert not refuses_connections(port)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_an_address_of_this_machine_alone_needs_no_flag(tmp_path):
    process = subprocess.Popen([binary(), "server", "--dev", "--http", "127.0.0.2:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env=clean_environment(), cwd=tmp_path)
    try:
        assert " http=127.0.0.2:" in process.stdout.readline().decode()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x",
                                     "nowhere.invalid:7070", ":7070", ""])
def test_addresses_that_are_none(tmp_path, address):
    failed = run_server("--data", str(tmp_path / "data"), "--http", address)
    assert failed.returncode > 0 and failed.stdout == ""
    assert "http" in failed.stderr.lower() or "insecure-bind" in failed.stderr, failed.stderr


def test_a_data_directory_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    failed = run_server("--data", str(tmp_path / "file" / "data"), "--http", "127.0.0.1:0")
    assert failed.returncode > 0 and str(tmp_path / "file") in failed.stderr


def test_many_concurrent_writers_while_it_stops(make_node):
    """Whatever was answered before the stop is there after it."""
    node = make_node().start()
    acked = [[] for _ in range(8)]

    def write(number):
        try:
            with node.connect() as connection:
                for i in range(100_000):
                    answer = connection.call(
                        "PUT", f"/v1/services/racing/instances/o-{number}-{i}",
                        {"address": "10.0.0.1", "persistent": True})
                    if answer.status != 201:
                        return
                    acked[number].append(f"o-{number}-{i}")
        except Exception:  # noqa: BLE001 - the node is going away, in whatever way that shows
            return

    threads = [threading.Thread(target=write, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: min(map(len, acked)) >= 50, 60, "every writer having written")
    assert node.stop() == 0
    for thread in threads:
        thread.join(30)
    node.start()
    found = {i["id"] for i in check_snapshot(node.get("racing"))["instances"]}
    assert found >= {name for names in acked for name in names}
    assert node.get("nothing")["digest"] == EMPTY_DIGEST
