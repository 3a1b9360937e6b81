"""1,000 watchers, 100 of which stop reading: the others miss nothing, memory stays bounded, and the
stalled ones are right again as soon as they read."""

import resource
import selectors
import time

import pytest

from http_stream import Stream
from lists import Lists, check_snapshot
from registry import registration

HEALTHY = 900
STALLED = 100
CHURN_ROUNDS = 150
CHURN_INSTANCES = 200
# Design §6: at most 64 KB for a stalled watcher. The rest is what the churn itself may leave behind
# in the allocator. A queue per watcher, shared or not, would hold the churn: 28 MB.
ALLOWED_BYTES = STALLED * 64 * 1024 + 6 * 1024 * 1024
FILL = "x" * 1000


@pytest.fixture(scope="module", autouse=True)
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= 4096, f"this test needs 4,096 file descriptors, the limit is {hard}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Many watchers read by one thread, each with lists of its own."""

    def __init__(self, port, count, path):
        self.streams = {}
        self.selector = selectors.DefaultSelector()
        for _ in range(count):
            stream = Stream(port, path).open()
            self.streams[stream] = Lists()
            stream.socket.setblocking(False)
            self.selector.register(stream.socket, selectors.EVENT_READ, stream)

    def _take_ready(self, stream):
        while (event := stream.ready_event()) is not None:
            self.streams[stream].take(event)

    def follow(self, condition, seconds=120):
        """Reads on until `condition(lists)` holds for every one of them."""
        waiting = set()
        for stream, lists in self.streams.items():
            self._take_ready(stream)
            if not condition(lists):
                waiting.add(stream)
        end = time.monotonic() + seconds
        while waiting:
            assert time.monotonic() < end, f"{len(waiting)} watchers still wait"
            for key, _ in self.selector.select(1):
                stream = key.data
                stream.take_in()
                self._take_ready(stream)
                if condition(self.streams[stream]):
                    waiting.discard(stream)

    def close(self):
        self.selector.close()
        for stream in self.streams:
            stream.close()


def churn(node, round_):
    """Changes every instance of the service that only the stalled ones watch: 200 KB of text."""
    node.batch([registration("churned", f"o-{i}", metadata={"fill": FILL, "round": str(round_)})
                for i in range(CHURN_INSTANCES)])


def test_stalled_watchers_cost_bounded_memory(make_node):
    node = make_node("--user-timeout-ms", "600000").start()
    node.batch([registration("busy", f"o-{i}", weight=1) for i in range(50)])
    churn(node, 0)
    healthy = Crowd(node.port, HEALTHY, "/v1/watch?service=busy")
    stalled = [Stream(node.port, "/v1/watch?service=busy&service=churned", rcvbuf=4096)
               for _ in range(STALLED)]
    healthy.follow(lambda lists: lists["busy"].whole)
    for round_ in range(1, 11):
        churn(node, round_)  # fills the kernel's buffers and warms up the allocator
    before = node.rss_anon_bytes()

    for round_ in range(11, CHURN_ROUNDS + 1):
        churn(node, round_)
        if round_ % 5 == 0:
            changed = {f"o-{round_ % 50}": round_}
            node.batch([registration("busy", i, weight=w) for i, w in changed.items()])
            healthy.follow(lambda lists: all(
                lists["busy"].instances[i].get("weight", 100) == w for i, w in changed.items()))
    grown = node.rss_anon_bytes() - before
    assert grown <= ALLOWED_BYTES, f"{STALLED} stalled watchers grew the node by {grown} bytes"

    digests = {s: check_snapshot(node.get(s))["digest"] for s in ("busy", "churned")}
    healthy.follow(lambda lists: lists["busy"].digest == digests["busy"])
    for stream in stalled:
        lists = Lists()
        stream.open()
        lists.follow(stream, lambda held: all(
            held[s].whole and held[s].digest == digests[s] for s in digests))
        assert stream.events_read < CHURN_ROUNDS, "what is owed is computed late, not queued"
        stream.close()
    healthy.close()
    assert node.alive()
