"""Three nodes of the last release become three of this build, one at a time, while providers,
writers, operators and watchers go on and nodes, providers and the bus fail.

UPGRADE_SEED and UPGRADE_FAULTS (in each of the four stages) choose what goes wrong, and how much."""

import os
import signal
import time

import pytest

from registry import until
from work import Work

SEED = int(os.environ.get("UPGRADE_SEED", "1"))
FAULTS = int(os.environ.get("UPGRADE_FAULTS", "5"))
AGREE_SECONDS = 60


class Rolling:
    """One upgrade, with what goes wrong on the way."""

    def __init__(self, cluster, work, programs):
        self.cluster = cluster
        self.work = work
        self.random = work.random
        self.programs = programs
        self.history = []

    # --- Faults, each healed before the next ---

    def kill_node(self):
        node = self.random.choice(self.cluster.nodes)
        node.kill()
        time.sleep(self.random.choice((0, 0.3, 2, 5)))
        node.start()

    def pause_node(self):
        self.pause(self.random.choice(self.cluster.nodes).pid, (0.7, 2, 6))

    def pause_provider(self):
        name = self.random.choice(sorted(self.work.providers))
        self.pause(self.work.providers[name].process.pid, (1, 3, 8))

    def pause(self, pid, seconds):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(self.random.choice(seconds))
        finally:
            os.kill(pid, signal.SIGCONT)

    def kill_provider(self):
        self.work.replace_provider(self.random.choice(self.programs))

    def kill_bus(self):
        server = self.cluster.bus.servers[0]
        server.kill()
        time.sleep(self.random.choice((0, 0.5, 4)))
        server.start()
        until(server.is_healthy, 60, "the health of the bus")

    def pause_bus(self):
        server = self.cluster.bus.servers[0]
        server.pause()
        try:
            time.sleep(self.random.choice((0.7, 4)))
        finally:
            server.resume()

    FAULTS = ((kill_node, 4), (pause_node, 3), (pause_provider, 3), (kill_provider, 3), (kill_bus, 2),
              (pause_bus, 1))

    def some_faults(self, count):
        kinds, weights = zip(*self.FAULTS)
        for fault in self.random.choices(kinds, weights, k=count):
            time.sleep(1)  # in which the work goes on
            self.judged(fault.__name__, lambda: fault(self))

    def judged(self, what, action):
        began = time.monotonic()
        action()
        acted = time.monotonic() - began
        try:
            healed = self.work.judge(AGREE_SECONDS)
        except AssertionError as failure:
            raise AssertionError(f"after {what} (seed {SEED}, {self.history}): {failure}") from None
        self.history.append(what)
        print(f"  {what}: {acted:.1f} s, agreed {healed:.1f} s later", flush=True)


@pytest.mark.parametrize("ends", ["kindly", "by kill -9"])
def test_one_node_after_another_becomes_the_next_release(make_cluster, former, present, ends):
    cluster = make_cluster([former] * 3).start()
    work = Work(cluster, SEED, present, providers=[former, present] * 3, watchers=[former, present, former])
    try:
        rolling = Rolling(cluster, work, [former, present])
        rolling.judged("the beginning", lambda: None)
        rolling.some_faults(FAULTS)
        order = rolling.random.sample(cluster.nodes, 3)
        for node in order:
            rolling.judged(f"{node.name} is upgraded", lambda node=node: cluster.change_release(
                node, present, kill=ends == "by kill -9"))
            rolling.some_faults(FAULTS)
        print(f"seed {SEED}: {work.figures()}")
        assert min(work.figures().values()) > 20
    finally:
        work.close()
