"""How soon what has happened to an instance is known: frozen processes, failing checks, and a frozen
tenth of many sessions told apart from a registry that stood still itself."""

import http.client
import http.server
import json
import os
import random
import select
import signal
import socket
import subprocess
import threading
import time

from .processes import BenchFailure
from .table import Row, at_most

TTL_MS = 3_000
CHECK_MS = 3_000
MASS_TTL_MS = 15_000
STOOD_STILL_S = 12


def run(tools, sizes):
    return [frozen_process(tools, sizes), *failing_checks(tools, sizes), *frozen_mass(tools, sizes)]


class Watch:
    """The states of one service, as its watchers are told, and when."""

    def __init__(self, server, service):
        self.states = {}
        self.told = threading.Condition()
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.connection.request("GET", f"/v1/watch?service={service}")
        self.answer = self.connection.getresponse()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for line in iter(self.answer.readline, b""):
                if line.startswith(b"data:"):
                    self.take(json.loads(line[5:]))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # closed

    def take(self, event):
        with self.told:
            for instance in event.get("instances", ()):
                self.states[instance["id"]] = instance.get("state", "up")
            for name, instance in event.get("put", {}).items():
                self.states[name] = instance.get("state", "up")
            for name, state in event.get("state", {}).items():
                self.states[name] = state[0]
            for name in event.get("gone", {}):
                self.states.pop(name, None)
            self.told.notify_all()

    def until(self, holds, timeout_s, what):
        """Returns when (monotonic s) it was told that `holds(states)`."""
        with self.told:
            if not self.told.wait_for(lambda: holds(self.states), timeout_s):
                raise BenchFailure(f"{what}: not within {timeout_s} s; told {dict(self.states)}")
            return time.monotonic()

    def close(self):
        if self.answer.fp:
            self.answer.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def frozen_process(tools, sizes):
    """SIGSTOP of a provider until its consumers are told; the kernel goes on accepting for it."""
    with tools.server() as server, socket.create_server(("127.0.0.1", 0)) as listener:
        watch = Watch(server, "orders")
        provider = subprocess.Popen(
            [str(tools.callbook), "register", "orders", "--id", "o-1", "--address", "127.0.0.1",
             "--port", str(listener.getsockname()[1]), "--ttl-ms", str(TTL_MS),
             "--registry", f"127.0.0.1:{server.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            delays_ms = [freeze_once(watch, provider) for _ in range(sizes.frozen)]
        finally:
            provider.send_signal(signal.SIGCONT)
            provider.kill()
            provider.wait()
            watch.close()
    return Row(f"a process frozen, TTL {TTL_MS // 1000} s: until told, the longest of {sizes.frozen}",
               max(delays_ms), "ms", targets=[at_most("value", 1.5 * TTL_MS)], samples=delays_ms)


def freeze_once(watch, provider):
    watch.until(lambda states: states.get("o-1") == "up", 30, "a provider that goes on is up")
    time.sleep(random.uniform(0, TTL_MS / 1000))  # anywhere between two of its heartbeats
    provider.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    told = watch.until(lambda states: states.get("o-1") != "up", 30, "a frozen provider is known")
    provider.send_signal(signal.SIGCONT)
    return (told - begun) * 1e3


class Health(http.server.ThreadingHTTPServer):
    """Answers 200 to /N, or 503 where N is in `failing`."""

    request_queue_size = 256
    daemon_threads = True

    def __init__(self):
        self.failing = frozenset()
        super().__init__(("127.0.0.1", 0), HealthHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class HealthHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if self.path[1:] in self.server.failing else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def failing_checks(tools, sizes):
    """Two of ten begin to fail their checks: until both are out of calls."""
    with tools.server() as server:
        health = Health()
        try:
            return [checks_of(server, health, failures, sizes.failed) for failures in (1, 3)]
        finally:
            health.shutdown()
            health.server_close()


def checks_of(server, health, failures, rounds):
    service = f"checked-{failures}"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for i in range(10):
        body = {"address": "127.0.0.1", "port": health.server_address[1],
                "check": {"interval_ms": CHECK_MS, "failures": failures, "http": {"path": f"/{i}"}}}
        connection.request("PUT", f"/v1/services/{service}/instances/{i}", json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 201:
            raise BenchFailure(f"a checked instance was refused: {text}")
    watch = Watch(server, service)
    delays_ms = []
    try:
        for _ in range(rounds):
            watch.until(lambda states: list(states.values()).count("up") == 10, 60, "all are up")
            two = frozenset(random.sample([str(i) for i in range(10)], 2))
            health.failing = two
            begun = time.monotonic()
            told = watch.until(lambda states, two=two: all(states[i] == "down" for i in two), 60,
                               "two that fail are down")
            health.failing = frozenset()
            delays_ms.append((told - begun) * 1e3)
    finally:
        watch.close()
    # One that has just been asked is asked again an interval later.
    bound_ms = failures * CHECK_MS + 500
    return Row(f"2 of 10 fail their checks every {CHECK_MS // 1000} s, {failures} in a row: until both "
               f"are down, the longest of {rounds}",
               max(delays_ms), "ms", targets=[at_most("value", bound_ms)], samples=delays_ms)


class Sessions:
    """Many sessions of processes that speak, over few connections."""

    def __init__(self, server, count):
        self.port = server.port
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.buffer = b""
        opened = self.exchange([self.request("POST", "/v1/sessions", {
            "ttl_ms": MASS_TTL_MS, "speaks": True}) for _ in range(count)])
        self.ids = [json.loads(body)["session"] for body in opened]
        self.exchange([self.request("PUT", f"/v1/services/mass-{i % 10}/instances/i-{i}", {
            "address": f"10.{i // 62_500}.{i // 250 % 250}.{i % 250 + 1}", "port": 80,
            "session": session}) for i, session in enumerate(self.ids)])

    @staticmethod
    def request(method, path, body=None):
        text = json.dumps(body) if body else ""
        return (f"{method} {path} HTTP/1.1\r\nHost: bench\r\n"
                f"Content-Length: {len(text)}\r\n\r\n{text}").encode()

    def exchange(self, requests):
        """The bodies of the answers; sends a thousand at a time."""
        bodies = []
        for begin in range(0, len(requests), 1_000):
            part = requests[begin:begin + 1_000]
            self.socket.sendall(b"".join(part))
            bodies += [self.answer() for _ in part]
        return bodies

    def answer(self):
        head, _, rest = self.until(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                      if line.startswith(b"content-length"))
        while len(rest) < length:
            rest += self.more()
        self.buffer = rest[length:]
        if status >= 400:
            raise BenchFailure(f"{status}: {rest[:length].decode()}")
        return rest[:length]

    def until(self, mark):
        while mark not in self.buffer:
            self.buffer += self.more()
        return self.buffer.partition(mark)

    def more(self):
        if not select.select([self.socket], [], [], 60)[0]:
            raise BenchFailure("no answer to a heartbeat within 60 s")
        data = self.socket.recv(1 << 20)
        if not data:
            raise BenchFailure("the server has closed the connection of the heartbeats")
        return data

    def speak(self, ids):
        self.exchange([self.request("PUT", f"/v1/sessions/{session}/heartbeat") for session in ids])


def lowered(server):
    """The instances that are not up, of all services."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    ids = set()
    for i in range(10):
        connection.request("GET", f"/v1/services/mass-{i}")
        listed = json.loads(connection.getresponse().read())["instances"]
        ids |= {one["id"] for one in listed if one.get("state", "up") != "up"}
    return ids


def frozen_mass(tools, sizes):
    """A tenth of the sessions falls silent; then the server stands still for nearly their TTL, while
    nobody can be heard."""
    count, frozen = sizes.sessions, sizes.sessions // 10
    every_s = MASS_TTL_MS / 1000 / 3
    with tools.server() as server:
        sessions = Sessions(server, count)
        living = sessions.ids[frozen:]
        sessions.speak(sessions.ids)
        begun, told, most = time.monotonic(), None, 0
        while told is None:
            sessions.speak(living)
            low = lowered(server)
            most = max(most, len({i for i in low if int(i[2:]) >= frozen}))
            if len(low) >= frozen:
                told = time.monotonic()
            elif time.monotonic() - begun > 3 * MASS_TTL_MS / 1000:
                raise BenchFailure(f"{len(low)} of {frozen} frozen sessions are known")
            else:
                time.sleep(every_s / 10)
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(STOOD_STILL_S)
        os.kill(server.pid, signal.SIGCONT)
        stalled = 0
        resumed = time.monotonic()
        while time.monotonic() - resumed < 1.5 * MASS_TTL_MS / 1000:
            stalled = max(stalled, len({i for i in lowered(server) if int(i[2:]) >= frozen}))
            sessions.speak(living)
            time.sleep(every_s / 10)
    return [Row(f"{frozen:,} of {count:,} sessions frozen, TTL {MASS_TTL_MS // 1000} s: until all are "
                "known", (told - begun) * 1e3, "ms", targets=[at_most("value", 1.5 * MASS_TTL_MS)]),
            Row("of the others, lowered meanwhile", most, "", targets=[at_most("value", 0)]),
            Row(f"of the others, lowered by a server that stood still for {STOOD_STILL_S} s", stalled,
                "", targets=[at_most("value", 0)])]
