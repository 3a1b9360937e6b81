"""Servers that the registry checks, and what it says of them."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from registry import path_of

FAST = ("--min-check-interval-ms", "100", "--max-check-remove-after-ms", "60000")
CHECK = {"interval_ms": 200, "timeout_ms": 200}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # socketserver's own is 5: of checks that begin together the kernel would drop the sixth, and the
    # next try of a connection is a second later, as late as a check's time-out.
    request_queue_size = 256


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

        self.server = Server(("127.0.0.1", port), Handler)
        self.server.handle_error = lambda *_: None  # the prober hangs up when it knows enough
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


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
