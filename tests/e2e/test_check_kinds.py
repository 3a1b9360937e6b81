"""Checks of every kind but TCP and a plain GET, at real servers; gRPC has its own in tests/probe_grpc."""

import socket
import ssl
import subprocess
import threading

from checked import FAST, register, state
from registry import until


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
        if data == b"stop":
            return
        if data == b"ping":
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


def output(node, name="db-1"):
    """What came last of its check, for operators."""
    checks = node.call("GET", "/v1/services/db/checks").json["checks"]
    return next(check.get("output") for check in checks if check["id"] == name)


class TestKinds:
    def test_https_looks_at_the_certificate(self, make_node, tmp_path):
        files = make_certificate(tmp_path, "IP:127.0.0.1")
        with TlsService(*files) as service:
            node = make_node(*FAST, env={"SSL_CERT_FILE": str(files[0])}).start()
            https = {"path": "/health"}
            register(node, "db", "db-1", {"https": https}, port=service.port)
            until(lambda: state(node, "db", "db-1") == "up" or None)
            assert output(node) == "HTTP 204 No Content"
            register(node, "db", "db-1", {"https": {**https, "server_name": "other.example"}},
                     port=service.port)
            until(lambda: state(node, "db", "db-1") == "down" or None)
            assert output(node) == "TLS: hostname mismatch"
            register(node, "db", "db-1", {"https": {**https, "server_name": "other.example",
                                                    "skip_verify": True}}, port=service.port)
            until(lambda: state(node, "db", "db-1") == "up" or None)

    def test_http_has_a_method_fields_and_expected_statuses(self, make_node):
        with TlsService(None, None) as service:
            node = make_node(*FAST).start()
            register(node, "db", "db-1", {"http": {"path": "/health", "method": "HEAD",
                                                   "headers": {"X-Key": "open"},
                                                   "host": "shop.example",
                                                   "expect": ["200", "401-403"]}}, port=service.port)
            until(lambda: state(node, "db", "db-1") == "up" or None)
            assert output(node) == "HTTP 401 Unauthorized"
            assert service.heads[-1][:2] == ["HEAD /health HTTP/1.1", "Host: shop.example"]
            assert "X-Key: open" in service.heads[-1]

    def test_udp_passes_if_answered_or_by_wish_if_silent(self, make_node):
        node = make_node(*FAST).start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            port = server.getsockname()[1]
            register(node, "db", "silent", {"udp": {"payload": "hush", "silence": "passes"}},
                     port=port)
            register(node, "db", "db-1", {"udp": {"payload": "ping"}}, port=port)
            until(lambda: state(node, "db", "silent") == "up" or None)
            until(lambda: state(node, "db", "db-1") == "down" or None)
            threading.Thread(target=echo, args=(server,), daemon=True).start()
            until(lambda: state(node, "db", "db-1") == "up" or None)
            assert output(node) == "a datagram came back"
            server.sendto(b"stop", server.getsockname())
        until(lambda: state(node, "db", "db-1") == "down" or None)
        until(lambda: state(node, "db", "silent") == "down" or None)
        assert output(node, "silent") == "connection refused"

    def test_grpc_wants_a_server_of_http2(self, make_node, service):
        node = make_node(*FAST).start()
        register(node, "db", "db-1", {"grpc": {"service": "db"}}, port=service.port)
        until(lambda: state(node, "db", "db-1") == "down" or None)
        assert output(node) == "the answer is not HTTP/2"
