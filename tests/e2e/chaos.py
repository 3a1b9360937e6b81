"""A cluster under kills and pauses: real providers and consumers (the `callbook` command) that live
through it, and what they must never see."""

import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

from registry import binary, clean_environment, until

# Fast enough for hundreds of kills, with the order of the defaults.
TIMING = ("--refused-removal-ms", "1000", "--silent-removal-ms", "15000", "--lost-after-ms", "3000",
          "--takeover-grace-ms", "3000")
SERVICE = "orders"
# After the last fault has been healed; the test of every run bears a machine that is busy.
AGREE_SECONDS = int(os.environ.get("CHAOS_AGREE_SECONDS", "30"))
BUS_SECONDS = 60  # … and after the bus's own election, where one of its servers was hit


class Provider:
    """`callbook register` for a port that answers as long as the provider lives."""

    def __init__(self, registries, name):
        self.name = name
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(256)
        self.process = subprocess.Popen(
            [binary(), "register", SERVICE, "--id", name, "--address", "127.0.0.1", "--port",
             str(self.listener.getsockname()[1]), "--registry", registries],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=clean_environment())

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.listener.close()

    close = kill


class Consumer:
    """`callbook watch --json`: what a client holds, and every departure that it was told."""

    def __init__(self, registries):
        self.process = subprocess.Popen(
            [binary(), "watch", SERVICE, "--json", "--registry", registries],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=clean_environment())
        self.lock = threading.Lock()
        self.held = {}
        self.left = []  # (instance, cause)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            with self.lock:
                self._take(event)

    def _take(self, event):
        if event["event"] == "snapshot":
            self.held = {one["id"]: one for one in event["instances"]}
        elif event["event"] == "left":
            self.held.pop(event["instance"]["id"], None)
            self.left.append((event["instance"]["id"], event.get("cause")))
        else:
            self.held[event["instance"]["id"]] = event["instance"]

    def ids(self):
        with self.lock:
            return set(self.held)

    def departures(self):
        with self.lock:
            return list(self.left)

    def close(self):
        self.process.kill()
        self.process.wait()


class Chaos:
    """Faults drawn from a seed, one after the other, each healed and judged before the next."""

    def __init__(self, cluster, seed, providers=8, consumers=3):
        self.cluster = cluster
        self.random = random.Random(seed)
        self.registries = ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes)
        self.made = 0
        self.dead = set()
        self.alive = {}
        self.consumers = [Consumer(self.registries) for _ in range(consumers)]
        for _ in range(providers):
            self.add_provider()
        self.history = []
        self.healing = []  # seconds to agreement, by fault
        self.judge(BUS_SECONDS)

    def add_provider(self):
        self.made += 1
        name = f"o-{self.made}"
        self.alive[name] = Provider(self.registries, name)

    def close(self):
        for one in [*self.consumers, *self.alive.values()]:
            one.close()

    # --- Faults. Each returns how long all may take to agree again. ---

    def kill_node(self):
        node = self.random.choice(self.cluster.nodes)
        node.kill()
        time.sleep(self.random.choice((0, 0.3, 2, 5)))
        node.start()
        return AGREE_SECONDS

    def stop_node(self):
        node = self.random.choice(self.cluster.nodes)
        assert node.stop() == 0
        node.start()
        return AGREE_SECONDS

    def pause_node(self):
        node = self.random.choice(self.cluster.nodes)
        os.kill(node.pid, signal.SIGSTOP)
        time.sleep(self.random.choice((0.7, 2, 6)))
        os.kill(node.pid, signal.SIGCONT)
        return AGREE_SECONDS

    def kill_server(self):
        server = self.random.choice(self.cluster.bus.servers)
        server.kill()
        time.sleep(self.random.choice((0, 0.5, 3)))
        server.start()
        until(server.is_healthy, 60, f"the health of {server.name}")
        return BUS_SECONDS

    def pause_server(self):
        server = self.random.choice(self.cluster.bus.servers)
        server.pause()
        time.sleep(self.random.choice((0.7, 3)))
        server.resume()
        return BUS_SECONDS

    def kill_provider(self):
        name = self.random.choice(sorted(self.alive))
        self.alive.pop(name).kill()
        self.dead.add(name)
        self.add_provider()
        return AGREE_SECONDS

    FAULTS = ((kill_node, 6), (stop_node, 1), (pause_node, 2), (kill_server, 4), (pause_server, 2),
              (kill_provider, 4))

    def round(self):
        faults, weights = zip(*self.FAULTS)
        fault = self.random.choices(faults, weights)[0]
        self.history.append(fault.__name__)
        seconds = fault(self)
        began = time.monotonic()
        self.judge(seconds)
        self.healing.append((fault.__name__, time.monotonic() - began))

    # --- What must be ---

    def judge(self, seconds):
        """Nothing alive was ever told to have left; everybody comes to hold exactly the living."""
        try:
            until(self.all_hold_the_living, seconds, "agreement on who is alive")
            until(self.cluster.agrees, seconds, "agreement of the nodes")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.account()}") from None
        self.no_false_departure()

    def all_hold_the_living(self):
        self.no_false_departure()
        living = set(self.alive)
        if any(consumer.ids() != living for consumer in self.consumers):
            return False
        lists = [node.get(SERVICE)["instances"] for node in self.cluster.nodes]
        return all({one["id"] for one in held} == living
                   and all(one.get("state", "up") == "up" for one in held) for held in lists)

    def no_false_departure(self):
        for consumer in self.consumers:
            false = [(name, cause) for name, cause in consumer.departures()
                     if name not in self.dead]
            assert not false, f"told to have left though alive: {false}\n{self.account()}"

    def account(self):
        lines = [f"after {self.history}", f"alive: {sorted(self.alive)}"]
        for number, consumer in enumerate(self.consumers):
            lines.append(f"consumer {number}: {sorted(consumer.ids())}, left "
                         f"{consumer.departures()}")
        for node in self.cluster.nodes:
            if not node.alive():
                lines.append(f"{node.name}: gone")
                continue
            held = {one["id"]: one.get("state", "up") for one in node.get(SERVICE)["instances"]}
            lines.append(f"{node.name}: {held}")
            lines.append(f"  {node.call('GET', '/v1/nodes').json}")
            lines.append(node.log.decode(errors="replace")[-1500:])
        return "\n".join(lines)


def figures(chaos):
    """Per fault: how often, and the longest time to agreement."""
    found = {}
    for fault, seconds in chaos.healing:
        found.setdefault(fault, []).append(seconds)
    return "\n".join(f"{fault}: {len(times)} times, agreed after {sorted(times)[len(times) // 2]:.1f} s "
                     f"(median), {max(times):.1f} s (longest)"
                     for fault, times in sorted(found.items()))
