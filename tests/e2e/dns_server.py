"""A DNS server on a UDP port of 127.0.0.1, for tests whose hosts have names."""

import socket
import struct
import threading

TYPE_A = 1
NO_SUCH_NAME = 3


class DnsServer:
    """Answers for IPv4 addresses of the names in `hosts`, and for all others that there is no such
    name; nothing at all while it is `mute`."""

    def __init__(self, **hosts):
        self.hosts = {name.replace("_", "."): address for name, address in hosts.items()}
        self.mute = False
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                query, peer = self._socket.recvfrom(1500)
                self.asked += 1
                if not self.mute:
                    self._socket.sendto(self._answer(query), peer)
            except OSError:
                return

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        question = query[12:at + 5]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        address = self.hosts.get(".".join(labels))
        code = NO_SUCH_NAME if address is None else 0
        record = b""
        if address is not None and kind == TYPE_A:
            record = b"\xc0\x0c" + struct.pack(">HHIH", TYPE_A, 1, 1, 4) + socket.inet_aton(address)
        header = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 1 if record else 0, 0, 0)
        return header + question + record

    def close(self):
        self._socket.close()
