"""Providers with a port and a session of their own, as a test plays them, and what a registry that judges
silence quickly says of them."""

import socket

# Fast enough for a test, with the order of the defaults.
FAST = ("--refused-removal-ms", "1500", "--silent-removal-ms", "3000", "--probe-interval-ms", "200",
        "--probe-timeout-ms", "200", "--min-ttl-ms", "500")
TTL_MS = 1000


class Provider:
    """An instance with a port and a session of its own, as a provider's process has them."""

    def __init__(self, node, service, name, attached=True, ttl_ms=TTL_MS, **registration):
        self.node = node
        self.name = name
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        self.session = node.open_session(ttl_ms=ttl_ms)
        answer = node.register(service, name, session=self.session, address="127.0.0.1",
                               port=self.port, **registration)
        assert answer.status == 201, answer
        self.stream = None
        if attached:
            self.stream = node.stream(f"/v1/sessions/{self.session}/attach").open()
            self.stream.expect("attached")

    def heartbeat(self):
        return self.node.call("PUT", f"/v1/sessions/{self.session}/heartbeat")

    def kill(self):
        """As the kernel does when the process dies: the port refuses, connections break."""
        self.listener.close()
        self.hang()

    def hang(self):
        if self.stream is not None:
            self.stream.close()
            self.stream = None

    def vanish(self):
        """The port answers nothing any more: its queue is full, so the kernel drops what comes."""
        self.listener.close()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)
        self.hang()

    def close(self):
        self.hang()
        self.listener.close()
        for filler in self.fillers:
            filler.close()


def states(held, service):
    return {name: one.get("state", "up") for name, one in held[service].instances.items()}


def state_of(node, service, name):
    for instance in node.get(service)["instances"]:
        if instance["id"] == name:
            return instance.get("state", "up")
    return None
