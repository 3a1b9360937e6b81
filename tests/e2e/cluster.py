"""Several registry nodes and the NATS servers between them, as processes of their own."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from lists import Lists
from registry import Node, free_port, until

START_SECONDS = 60


class NatsServer:
    """A nats-server with JetStream over one directory; alone, or one of a cluster."""

    def __init__(self, folder, name="nats", port=None, cluster_port=None, routes=(), extra="",
                 host="127.0.0.1"):
        self.folder = Path(folder)
        self.name = name
        self.port = port or free_port()
        self.monitor_port = free_port()
        self.cluster_port = cluster_port
        self.routes = list(routes)
        self.extra = extra
        self.host = host
        self.process = None

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def configuration(self):
        lines = [f"server_name: {self.name}", f"host: {self.host}", f"port: {self.port}",
                 f"http: 127.0.0.1:{self.monitor_port}",
                 f'jetstream {{ store_dir: "{self.folder}/js" }}', self.extra]
        if self.cluster_port:
            routes = ", ".join(f"nats-route://127.0.0.1:{port}" for port in self.routes)
            lines.append(f"cluster {{ name: e2e, host: 127.0.0.1, port: {self.cluster_port}, "
                         f"routes: [{routes}] }}")
        return "\n".join(lines) + "\n"

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "nats.conf"
        path.write_text(self.configuration())
        server = shutil.which("nats-server") or "/usr/sbin/nats-server"
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([server, "-c", str(path)], stdout=log, stderr=log)
        until(self.answers, START_SECONDS, f"{self.name} (see {self.folder}/log)")
        return self

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                return connection.recv(5).startswith(b"INFO")
        except OSError:
            return False

    def is_healthy(self):
        try:
            url = f"http://127.0.0.1:{self.monitor_port}/healthz"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return json.load(answer)["status"] == "ok"
        except (OSError, ValueError):
            return False

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def restart(self, empty=False):
        if self.process is not None:
            self.kill()
        if empty:
            shutil.rmtree(self.folder / "js", ignore_errors=True)
        return self.start()

    def close(self):
        if self.process is not None:
            self.kill()


class Link:
    """A way to one port that can be cut, so that nothing passes and nothing is closed, and healed.
    What was under way at a cut is lost: its connections are reset when it heals. With
    `bytes_a_second` it is a slow one."""

    def __init__(self, port, bytes_a_second=None):
        self.bytes_a_second = bytes_a_second
        self.target = port
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        self._whole = threading.Event()
        self._whole.set()
        self._pairs = []
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self._closed:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=[near], daemon=True).start()

    def _join(self, near):
        self._whole.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        self._pairs.append((near, far))
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._pass, args=[one, other], daemon=True).start()

    def _pass(self, one, other):
        try:
            while data := one.recv(65536):
                self._whole.wait()
                if self.bytes_a_second:
                    time.sleep(len(data) / self.bytes_a_second)
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self._whole.clear()

    def heal(self):
        for pair in self._pairs:
            for end in pair:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self._pairs = []
        self._whole.set()

    def close(self):
        self._closed = True
        self.heal()
        self.listener.close()


class Bus:
    """One server, or three that know each other."""

    def __init__(self, folder, servers=1):
        folder = Path(folder)
        if servers == 1:
            self.servers = [NatsServer(folder / "nats")]
        else:
            ports = [free_port() for _ in range(servers)]
            self.servers = [
                NatsServer(folder / f"nats-{i}", f"nats-{i}", cluster_port=ports[i],
                           routes=[port for port in ports if port != ports[i]])
                for i in range(servers)]

    def start(self):
        for server in self.servers:
            server.start()
        until(lambda: all(server.is_healthy() for server in self.servers), START_SECONDS,
              "the health of the bus")
        return self

    @property
    def url(self):
        return ",".join(server.url for server in self.servers)

    def close(self):
        for server in self.servers:
            server.close()


class Cluster:
    """Nodes over one bus."""

    def __init__(self, folder, nodes=3, servers=1, flags=()):
        self.folder = Path(folder)
        self.bus = Bus(folder, servers)
        self.flags = list(flags)
        self.nodes = [self.make(i) for i in range(nodes)]

    def make(self, number, *flags, bus=None, data=None, **options):
        return Node(data or self.folder / f"node-{number}", "--bus", bus or self.bus.url,
                    *self.flags, *flags, name=f"node-{number}", **options)

    def start(self):
        self.bus.start()
        for node in self.nodes:
            node.start()
        self.settle()
        return self

    def settle(self, seconds=20):
        """All nodes hear each other over the bus and hold the same."""
        until(self.agrees, seconds, "agreement of all nodes")
        return self

    def running(self):
        return [node for node in self.nodes if node.alive()]

    def agrees(self):
        running = self.running()
        for node in running:
            answer = node.call("GET", "/v1/nodes")
            if answer.status != 200 or answer.json["bus"]["state"] != "connected":
                return False
            others = [n for n in answer.json["nodes"] if not n["self"] and n["state"] == "serving"]
            if len(others) != len(running) - 1:
                return False
            if any(n["digest"] != "equal" or n["lag"] or n["outbox"] for n in answer.json["nodes"]
                   if not n["self"] and n["state"] == "serving"):
                return False
        return True

    def close(self):
        for node in self.nodes:
            node.close()
        self.bus.close()


class Consumer:
    """Follows services at one node, as a client does: lists that are checked by their digests."""

    def __init__(self, node, *services):
        self.stream = node.watch(*services).open()
        self.lists = Lists()
        self.lists.follow(self.stream, lambda lists: all(lists[s].whole for s in services))

    def follow(self, condition, seconds=20):
        """Takes in events until the lists are so; returns the seconds that it took."""
        began = time.monotonic()
        self.lists.follow(self.stream, condition, seconds)
        return time.monotonic() - began

    def ids(self, service):
        return set(self.lists[service].instances)

    def hears_nothing_for(self, seconds):
        """Nothing but signs of life comes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                event = self.stream.event(left)
            except TimeoutError:
                return
            assert event.kind in ("alive", "nodes"), event

    def close(self):
        self.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def until_listed(node, service, ids, seconds=20):
    """The list of `service` at `node` becomes exactly these."""
    def listed():
        return {i["id"] for i in node.get(service)["instances"]} == set(ids)
    began = time.monotonic()
    until(listed, seconds, f"{sorted(ids)} of {service} at {node.name}")
    return time.monotonic() - began
