"""A streamed HTTP answer read from a plain socket, as chunks and as server-sent events."""

import json
import socket
import time
from dataclasses import dataclass


@dataclass
class Event:
    kind: str
    id: str | None
    data: dict
    raw: bytes


class StreamEnded(Exception):
    """The stream is over. `clean`: with its last chunk."""

    def __init__(self, clean):
        super().__init__("ended" if clean else "cut off")
        self.clean = clean


class ChunkDecoder:
    """Takes the chunked framing off a body (RFC 9112 §7.1)."""

    def __init__(self):
        self._pending = b""
        self._payload = b""
        self.ended = False

    def feed(self, data):
        self._pending += data
        while not self.ended and self._take_chunk():
            pass

    def _take_chunk(self):
        size_line, mark, rest = self._pending.partition(b"\r\n")
        if not mark:
            return False
        size = int(size_line.split(b";")[0], 16)
        if size == 0:
            self.ended = rest.startswith(b"\r\n")
            return False
        if len(rest) < size + 2:
            return False
        assert rest[size:size + 2] == b"\r\n", "a chunk without its end"
        self._payload += rest[:size]
        self._pending = rest[size + 2:]
        return True

    def take(self):
        payload, self._payload = self._payload, b""
        return payload


def parse_event(block):
    fields = {}
    for line in block.decode().split("\n"):
        name, _, value = line.partition(":")
        if name:
            assert name in ("event", "id", "data", "retry"), f"unknown SSE field: {line!r}"
            fields[name] = value.removeprefix(" ")
    return Event(fields.get("event", "message"), fields.get("id"), json.loads(fields["data"]), block)


class Stream:
    """One request and its endless answer. Reads only when asked, so it can stall."""

    def __init__(self, port, path, method="GET", body=None, headers=None, rcvbuf=None):
        self.socket = socket.socket()
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", port))
        self.decoder = ChunkDecoder()
        self.events_read = 0
        self._text = b""
        lines = [f"{method} {path} HTTP/1.1", "Host: e2e"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def read_head(self):
        """Reads up to the end of the answer's header. Returns its status and fields."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.socket.recv(4096)
            assert data, f"closed after {head!r}"
            head += data
        head, _, rest = head.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.head_rest = rest
        return self

    def open(self):
        """Reads the header of an answer that must be an event stream."""
        self.read_head()
        assert self.status == 200, (self.status, self.head_rest)
        assert self.headers["content-type"].split(";")[0] == "text/event-stream", self.headers
        assert self.headers["transfer-encoding"] == "chunked", self.headers
        self.decoder.feed(self.head_rest)
        return self

    def take_in(self, limit=65536):
        """Reads what the socket has now (waits for its time-out if there is nothing)."""
        data = self.socket.recv(limit)
        if not data:
            raise StreamEnded(clean=False)
        self.decoder.feed(data)

    def ready_event(self):
        """The next event if it has arrived whole, else None."""
        self._text += self.decoder.take()
        block, mark, rest = self._text.partition(b"\n\n")
        if not mark:
            return None
        self._text = rest
        self.events_read += 1
        return parse_event(block)

    def event(self, seconds=30):
        """The next event. Raises TimeoutError, or StreamEnded."""
        end = time.monotonic() + seconds
        while True:
            event = self.ready_event()
            if event is not None:
                return event
            if self.decoder.ended:
                raise StreamEnded(clean=True)
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no event")
            self.socket.settimeout(left)
            self.take_in()

    def expect(self, kind, seconds=30):
        event = self.event(seconds)
        assert event.kind == kind, event
        return event

    def expect_past_alive(self, kind, seconds=30):
        """As expect(), for what may come later than the registry is silent for."""
        event = self.event(seconds)
        while event.kind == "alive" and kind != "alive":
            event = self.event(seconds)
        assert event.kind == kind, event
        return event

    def expect_end(self, seconds=30):
        """Reads to the end, which must be a last chunk. Returns the events before it."""
        events = []
        try:
            while True:
                events.append(self.event(seconds))
        except StreamEnded as end:
            assert end.clean, "the stream was cut off without its last chunk"
        return events

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
