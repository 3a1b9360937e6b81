"""Instances that the registry checks itself: real servers that answer, fail, hang or are gone."""

import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lists import Lists
from registry import assert_problem, until

FAST = ("--min-check-interval-ms", "100", "--max-check-remove-after-ms", "60000")
CHECK = {"interval_ms": 200, "timeout_ms": 200}
# For many at once, so that the tests' own server keeps up.
SLOWER = {"interval_ms": 1000, "timeout_ms": 1000, "failures": 2}


class Service:
    """An HTTP server that answers every GET with `status`, after letting it pass `gate`."""

    def __init__(self, port=0):
        self.status = 200
        self.paths = []
        self.gate = threading.Event()
        self.gate.set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                service.paths.append(self.path)
                service.gate.wait(20)
                self.send_response(service.status)
                if service.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # the prober hangs up when it knows enough
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


def make_certificate(folder, names):
    """A certificate that vouches for itself, and its key, as files."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={names}",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def echo(server):
    while True:
        data, peer = server.recvfrom(100)
        if not data:
            return
        server.sendto(data, peer)


class TlsService:
    """Answers every request with 204, over TLS if there is a certificate; 401 to a HEAD."""

    def __init__(self, certificate, key):
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, key)

    def __enter__(self):
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                self._serve(connection)
            except OSError:
                pass  # a client that does not like the certificate leaves
            finally:
                connection.close()

    def _serve(self, connection):
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            more = connection.recv(4096)
            if not more:
                return
            head += more
        self.heads.append(head.decode().split("\r\n"))
        status = b"401 Unauthorized" if head.startswith(b"HEAD") else b"204 No Content"
        connection.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")


@pytest.fixture
def service():
    made = Service()
    yield made
    made.stop()


def register(node, service, name, check, **registration):
    registration = {"address": "127.0.0.1", "port": 9, **registration}
    return node.call("PUT", f"/v1/services/{service}/instances/{name}",
                     {**registration, "check": {**CHECK, **check}})


def state(node, service, name):
    answer = node.call("GET", f"/v1/services/{service}/instances/{name}")
    return answer.json.get("state", "up") if answer.status == 200 else None


def http(port, **more):
    return {"http": {"path": "/health", "port": port}, **more}


def add_companions(node):
    """Others of the service: a lone one that fails would be protected."""
    for name in ("db-2", "db-3", "db-4"):
        node.register("db", name, persistent=True, address="127.0.0.1", port=9)


class TestHttp:
    def test_it_is_up_while_it_answers_with_2xx(self, make_node, service):
        node = make_node(*FAST).start()
        add_companions(node)
        stream = node.stream("/v1/watch?service=db").open()
        lists = Lists()
        lists.follow(stream, lambda l: l["db"].whole)
        answer = register(node, "db", "db-1", http(service.port), ports={"admin": service.port})
        assert answer.status == 201, answer
        lists.follow(stream, lambda l: l["db"].instances.get("db-1", {}).get("state", "up") == "up"
                     and "db-1" in l["db"].instances)
        service.status = 503
        lists.follow(stream, lambda l: l["db"].instances["db-1"].get("state") == "down")
        assert ("db", "db-1", "suspect", "check_failed") in lists.states
        assert lists.states[-1] == ("db", "db-1", "down", "check_failed")
        service.status = 204
        lists.follow(stream, lambda l: l["db"].instances["db-1"].get("state", "up") == "up")
        assert set(service.paths) == {"/health"}

    def test_a_redirect_is_not_followed_and_no_success(self, make_node, service):
        service.status = 302
        node = make_node(*FAST).start()
        add_companions(node)
        register(node, "db", "db-1", http(service.port), ports={"admin": service.port})
        until(lambda: state(node, "db", "db-1") == "down" or None)
        assert set(service.paths) == {"/health"}

    def test_one_that_hangs_times_out(self, make_node, service):
        node = make_node(*FAST).start()
        add_companions(node)
        register(node, "db", "db-1", http(service.port), ports={"admin": service.port})
        until(lambda: state(node, "db", "db-1") == "up" or None)
        service.gate.clear()
        until(lambda: state(node, "db", "db-1") == "down" or None)
        service.gate.set()
        until(lambda: state(node, "db", "db-1") == "up" or None)


class TestTcp:
    def test_refused_is_down_and_it_comes_back(self, make_node):
        node = make_node(*FAST).start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            register(node, "db", "db-1", {"tcp": {}}, port=port)
            until(lambda: state(node, "db", "db-1") == "up" or None)
        until(lambda: state(node, "db", "db-1") == "down" or None)
        node.restart()
        assert state(node, "db", "db-1") == "down"
        with socket.create_server(("127.0.0.1", port)):
            until(lambda: state(node, "db", "db-1") == "up" or None)

    def test_it_is_removed_only_by_wish_and_says_why(self, make_node):
        node = make_node(*FAST).start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            register(node, "db", "stays", {"tcp": {}}, port=port)
            register(node, "db", "goes", {"tcp": {}, "remove_after_ms": 600}, port=port)
            until(lambda: state(node, "db", "goes") == "up" or None)
            stream = node.stream("/v1/watch?service=db").open()
            lists = Lists()
            lists.follow(stream, lambda l: l["db"].whole)
        lists.follow(stream, lambda l: "goes" not in l["db"].instances)
        assert ("db", "goes", "probe_refused") in lists.causes
        assert state(node, "db", "stays") == "down"

    def test_a_named_port_can_be_checked(self, make_node):
        node = make_node(*FAST).start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            register(node, "db", "db-1", {"tcp": {"port": port}}, ports={"admin": port})
            until(lambda: state(node, "db", "db-1") == "up" or None)


class TestOtherKinds:
    """What came of each kind stands in the list of checks."""

    def output(self, node, name="db-1"):
        checks = node.call("GET", "/v1/services/db/checks").json["checks"]
        return next(check.get("output") for check in checks if check["id"] == name)

    def test_https_looks_at_the_certificate(self, make_node, tmp_path):
        files = make_certificate(tmp_path, "IP:127.0.0.1")
        with TlsService(*files) as service:
            node = make_node(*FAST, env={"SSL_CERT_FILE": str(files[0])}).start()
            add_companions(node)
            https = {"path": "/health"}
            register(node, "db", "db-1", {"https": https}, port=service.port)
            until(lambda: state(node, "db", "db-1") == "up" or None)
            assert self.output(node) == "HTTP 204 No Content"
            register(node, "db", "db-1", {"https": {**https, "server_name": "other.example"}},
                     port=service.port)
            until(lambda: state(node, "db", "db-1") == "down" or None)
            assert self.output(node) == "TLS: hostname mismatch"
            register(node, "db", "db-1", {"https": {**https, "server_name": "other.example",
                                                    "skip_verify": True}}, port=service.port)
            until(lambda: state(node, "db", "db-1") == "up" or None)

    def test_http_has_a_method_fields_and_expected_statuses(self, make_node):
        with TlsService(None, None) as service:
            node = make_node(*FAST).start()
            add_companions(node)
            register(node, "db", "db-1", {"http": {"path": "/health", "method": "HEAD",
                                                   "headers": {"X-Key": "open"},
                                                   "host": "shop.example",
                                                   "expect": ["200", "401-403"]}}, port=service.port)
            until(lambda: state(node, "db", "db-1") == "up" or None)
            assert self.output(node) == "HTTP 401 Unauthorized"
            assert service.heads[-1][:2] == ["HEAD /health HTTP/1.1", "Host: shop.example"]
            assert "X-Key: open" in service.heads[-1]

    def test_udp_passes_if_answered_or_by_wish_if_silent(self, make_node):
        node = make_node(*FAST).start()
        add_companions(node)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            port = server.getsockname()[1]
            register(node, "db", "silent", {"udp": {"silence": "passes"}}, port=port)
            register(node, "db", "db-1", {"udp": {"payload": "ping"}}, port=port)
            until(lambda: state(node, "db", "silent") == "up" or None)
            until(lambda: state(node, "db", "db-1") == "down" or None)
            threading.Thread(target=echo, args=(server,), daemon=True).start()
            until(lambda: state(node, "db", "db-1") == "up" or None)
            assert self.output(node) == "a datagram came back"
            server.sendto(b"", ("127.0.0.1", port))  # ends the thread
        until(lambda: state(node, "db", "db-1") == "down" or None)
        until(lambda: state(node, "db", "silent") == "down" or None)
        assert self.output(node, "silent") == "connection refused"

    def test_grpc_wants_a_server_of_http2(self, make_node, service):
        node = make_node(*FAST).start()
        add_companions(node)
        register(node, "db", "db-1", {"grpc": {"service": "db"}}, port=service.port)
        until(lambda: state(node, "db", "db-1") == "down" or None)
        assert self.output(node) == "the answer is not HTTP/2"


class TestManyAtOnce:
    def test_most_that_fail_together_are_protected(self, make_node, service):
        node = make_node(*FAST).start()
        for i in range(20):
            register(node, "db", f"db-{i}", http(service.port, **SLOWER), ports={"admin": service.port})
        until(lambda: all(state(node, "db", f"db-{i}") == "up" for i in range(20)) or None, 60)
        service.status = 500
        until(lambda: all(state(node, "db", f"db-{i}") == "protected" for i in range(20)) or None, 60)
        service.status = 200
        until(lambda: all(state(node, "db", f"db-{i}") == "up" for i in range(20)) or None, 60)


class TestBadInput:
    @pytest.mark.parametrize("check,field", [
        ({"tcp": {}, "interval_ms": 999}, "check.interval_ms"),
        ({"tcp": {}, "timeout_ms": 201}, "check.timeout_ms"),
        ({"tcp": {}, "failures": 0}, "check.failures"),
        ({"tcp": {}, "successes": 101}, "check.successes"),
        ({"tcp": {}, "remove_after_ms": 1}, "check.remove_after_ms"),
        ({"tcp": {"port": 22}}, "check.tcp.port"),
        ({"http": {"path": "health"}}, "check.http.path"),
        ({"http": {"path": "/a\r\nb"}}, "check.http.path"),
        ({"tcp": {}, "http": {"path": "/"}}, "check"),
        ({}, "check"),
    ])
    def test_contradictory_checks_are_refused(self, node, check, field):
        check = {"interval_ms": 1000, "timeout_ms": 200, **check}
        if field == "check.timeout_ms":
            check["timeout_ms"] = 1001
        answer = node.call("PUT", "/v1/services/db/instances/db-1",
                           {"address": "127.0.0.1", "port": 80, "check": check})
        assert answer.status in (400, 422), answer
        assert answer.json["field"] == field, answer.json
        assert state(node, "db", "db-1") is None

    def test_only_single_hosts_are_checked(self, node):
        for address in ("169.254.169.254", "168.63.129.16", "0.0.0.0", "224.0.0.1", "fe80::1"):
            answer = node.call("PUT", "/v1/services/db/instances/db-1",
                               {"address": address, "port": 80, "check": {"tcp": {}}})
            assert_problem(answer, 400, "invalid", "address")

    def test_one_with_a_check_needs_no_heartbeats(self, node):
        node.call("PUT", "/v1/services/db/instances/db-1",
                  {"address": "127.0.0.1", "port": 80, "check": {"tcp": {}}})
        assert_problem(node.call("PUT", "/v1/services/db/instances/db-1/heartbeat"), 409, "conflict",
                       "id")
