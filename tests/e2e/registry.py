"""A registry node as a process of its own, and the calls that tests make to it over real sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from http_stream import Stream

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60


def binary():
    return os.environ.get("CALLBOOK_BIN", str(ROOT / "build/bin/callbook"))


def clean_environment(extra=None):
    """Nothing of the tester's own CALLBOOK_ settings reaches a node."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CALLBOOK_")}
    return {**kept, **(extra or {})}


def until(condition, seconds=20, what="the condition"):
    """Polls until `condition()` is true and returns its value. For what no event announces."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come about within {seconds} s"
        time.sleep(0.01)


def free_port():
    """A port that was free a moment ago, for tests that must know it before the node starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        return [json.loads(line) for line in self.body.splitlines()]


def encode(body):
    if body is None or isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def path_of(service, instance=None, **query):
    """The path of a service, or of one instance of it."""
    path = "/v1/services/" + quote(service, safe="")
    if instance is not None:
        path += "/instances/" + quote(instance, safe="")
    return path + ("?" + urlencode(query) if query else "")


class Connection:
    """One kept connection: requests one after the other."""

    def __init__(self, port, timeout=60):
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def call(self, method, path, body=None, headers=None):
        self._http.request(method, path, encode(body), headers or {})
        answer = self._http.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def close(self):
        self._http.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Node:
    """A `callbook server` over one data directory. It may be killed and started again; then it
    keeps the port that it was given first. `program`: another release's."""

    def __init__(self, data, *flags, env=None, name="e2e", prefix=(), program=None):
        self.data = Path(data)
        self.flags = list(flags)
        self.env = env
        self.name = name
        self.prefix = list(prefix)
        self.program = program
        self.port = 0
        self.process = None
        self.log = b""
        self._reader = None

    def command(self):
        return [*self.prefix, self.program or binary(), "server", "--node", self.name, "--data", str(self.data),
                "--http", f"127.0.0.1:{self.port}", *self.flags]

    def spawn(self):
        """Starts the process without waiting for it to serve."""
        assert self.process is None
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=clean_environment(self.env))
        self._reader = threading.Thread(target=self._read_log, args=[self.process.stderr],
                                        daemon=True)
        self._reader.start()
        return self

    def _read_log(self, pipe):
        for line in pipe:
            self.log += line

    def wait_ready(self):
        line = self._first_line()
        words = dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)
        assert line.startswith("ready ") and words.get("node") == self.name, \
            f"not a ready line: {line!r}; log: {self.log.decode(errors='replace')}"
        host, port = words["http"].rsplit(":", 1)
        assert host == "127.0.0.1"
        self.port = int(port)
        return self

    def _first_line(self):
        found = []
        reader = threading.Thread(
            target=lambda: found.append(self.process.stdout.readline()), daemon=True)
        reader.start()
        reader.join(READY_SECONDS)
        assert found, f"no ready line within {READY_SECONDS} s"
        return found[0].decode()

    def start(self):
        return self.spawn().wait_ready()

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def _end(self, seconds):
        code = self.process.wait(seconds)
        self._reader.join(5)
        self.process.stdout.close()
        self.process = None
        return code

    def wait_exit(self, seconds=20):
        """Waits until the process ends by itself; returns its exit code."""
        return self._end(seconds)

    def kill(self):
        """kill -9: the process gets no chance to write anything more."""
        os.kill(self.pid, signal.SIGKILL)
        return self._end(10)

    def restart(self):
        self.kill()
        return self.start()

    def stop(self, sig=signal.SIGTERM, seconds=20):
        """Asks the node to stop and returns its exit code."""
        os.kill(self.pid, sig)
        return self._end(seconds)

    def close(self):
        if self.process is not None:
            if self.alive():
                os.kill(self.pid, signal.SIGKILL)
            self._end(10)

    def rss_anon_bytes(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no RssAnon in /proc")

    # Calls, each on a connection of its own.

    def connect(self, timeout=60):
        return Connection(self.port, timeout)

    def call(self, method, path, body=None, headers=None, timeout=60):
        with self.connect(timeout) as connection:
            return connection.call(method, path, body, headers)

    def stream(self, path, method="GET", body=None, headers=None, rcvbuf=None):
        return Stream(self.port, path, method, encode(body), headers, rcvbuf)

    def watch(self, *services, last_event_id=None, **query):
        pairs = [("service", service) for service in services] + list(query.items())
        headers = {"Last-Event-ID": last_event_id} if last_event_id else None
        return self.stream("/v1/watch?" + urlencode(pairs), headers=headers)

    def resume(self, digests, **body):
        """Watches by POST: {service: digest or None}."""
        services = [{"service": s, **({"digest": d} if d else {})} for s, d in digests.items()]
        return self.stream("/v1/watch", "POST", {"services": services, **body},
                           {"Content-Type": "application/json"})

    def open_session(self, **body):
        answer = self.call("POST", "/v1/sessions", body)
        assert answer.status == 201, answer
        return answer.json["session"]

    def register(self, service, instance, ack=None, namespace=None, **fields):
        query = {k: v for k, v in (("ack", ack), ("namespace", namespace)) if v}
        body = {"address": "10.0.0.1", "port": 8080, **fields}
        if not {"session", "ttl_ms", "persistent"} & body.keys():
            body["persistent"] = True
        return self.call("PUT", path_of(service, instance, **query), body)

    def deregister(self, service, instance, **query):
        return self.call("DELETE", path_of(service, instance, **query))

    def get(self, service, **query):
        answer = self.call("GET", path_of(service, **query))
        assert answer.status == 200, answer
        return answer.json

    def batch(self, operations):
        """Sends operations as NDJSON and returns the result lines."""
        text = "".join(json.dumps(operation) + "\n" for operation in operations)
        answer = self.call("POST", "/v1/batch", text, {"Content-Type": "application/x-ndjson"})
        assert answer.status == 200, answer
        lines = answer.lines
        assert len(lines) == len(operations)
        return lines

    def metrics(self):
        """Every sample of /metrics: {"name{labels}": value}."""
        answer = self.call("GET", "/metrics")
        assert answer.status == 200, answer
        samples = {}
        for line in answer.body.decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples


def registration(service, instance, **fields):
    """One register line of a batch."""
    line = {"op": "register", "service": service, "id": instance, "address": "10.0.0.1",
            "port": 8080, **fields}
    if not {"session", "ttl_ms", "persistent"} & line.keys():
        line["persistent"] = True
    return line


def assert_problem(answer, status, title, field=None, limit=None):
    """The answer is problem+json as docs/native-api.md has it. Returns it."""
    assert answer.status == status, (answer.status, answer.body[:400])
    content_type = (answer.headers["Content-Type"] or "").split(";")[0]
    assert content_type == "application/problem+json", content_type
    problem = answer.json
    check_problem(problem, status, title, field, limit)
    if status == 503:
        assert int(answer.headers["Retry-After"]) >= 0
        assert problem["retry_after_ms"] >= 0
    return problem


def check_problem(problem, status, title, field=None, limit=None):
    assert problem["title"] == title and problem["status"] == status, problem
    assert problem["detail"], problem
    if field is not None:
        assert problem["field"] == field, problem
    if limit is not None:
        assert problem["limit"] == limit and str(limit) in problem["detail"], problem
