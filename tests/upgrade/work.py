"""What goes on at a cluster while its nodes change their release: providers, writers and operators
that are like clients (they go to another node when theirs fails), and the truth that they know."""

import http.client
import json
import random
import socket
import subprocess
import threading
import time

from http_stream import StreamEnded
from lists import Lists
from registry import Connection, clean_environment, path_of

RETRY_SECONDS = 90


class Gate:
    """Lets workers through until it is closed; then nothing is under way."""

    def __init__(self):
        self._open = threading.Event()
        self._open.set()
        self.ended = False

    def close(self, workers):
        self._open.clear()
        for worker in workers:
            worker.busy.acquire()
            worker.busy.release()

    def open(self):
        self._open.set()

    def end(self):
        self.ended = True
        self._open.set()

    def wait(self):
        self._open.wait()
        return not self.ended


class Worker(threading.Thread):
    """Does one thing after the other, at one node as long as that answers."""

    PAUSES = True  # while all is judged; signs of life go on

    def __init__(self, work, number):
        super().__init__(daemon=True)
        self.work = work
        self.random = random.Random(f"{work.seed} {type(self).__name__} {number}")
        self.place = self.random.randrange(len(work.nodes))
        self.busy = threading.Lock()
        self.stamps = {}
        self.failure = None
        self.done = 0

    def run(self):
        try:
            while self.work.gate.wait() if self.PAUSES else not self.work.gate.ended:
                with self.busy:
                    if not self.work.gate.ended:
                        self.step()
                        self.done += 1
                time.sleep(0.005)
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def call(self, method, path, body=None, key=None):
        """Until a node answers. Says also whether an earlier attempt may have been carried out. A
        node that is slow is asked again, and no other: what it has read it may still carry out."""
        unsure = False
        end = time.monotonic() + RETRY_SECONDS
        while True:
            node = self.work.nodes[self.place]
            try:
                with Connection(node.port, timeout=3) as connection:
                    headers = {"Callbook-Stamp": self.stamps[key]} if key in self.stamps else {}
                    answer = connection.call(method, path, body, headers)
                if answer.status != 503:
                    if stamp := answer.headers.get("Callbook-Stamp"):
                        self.stamps[key] = max(stamp, self.stamps.get(key, ""))
                    return answer, unsure
                self.go_on()
            except TimeoutError:
                unsure = True
            except (OSError, http.client.HTTPException):
                unsure = True
                self.go_on()
            assert time.monotonic() < end, f"{method} {path}: no node answers"
            time.sleep(0.05)

    def go_on(self):
        self.place = (self.place + 1) % len(self.work.nodes)


class Writer(Worker):
    """Registers and removes persistent instances of its own; `truth` is what was acknowledged."""

    SERVICES = 4

    def __init__(self, work, number):
        super().__init__(work, number)
        self.ids = [(f"ledger-{i % self.SERVICES}", f"w{number}-{i}") for i in range(40)]
        self.truth = {}

    def step(self):
        service, name = key = self.random.choice(self.ids)
        if self.truth.get(key) and self.random.random() < 0.3:
            self.remove(key, path_of(service, name))
        else:
            self.put(key, path_of(service, name))

    def put(self, key, path):
        weight = self.random.randrange(1, 1000)
        body = {"address": "10.1.1.1", "port": 80, "weight": weight, "persistent": True,
                "metadata": {"writer": key[1]}}
        answer, _ = self.call("PUT", path, body, key)
        assert answer.status in (200, 201), (path, answer)
        self.truth[key] = weight

    def remove(self, key, path):
        end = time.monotonic() + RETRY_SECONDS
        while True:
            answer, unsure = self.call("DELETE", path, None, key)
            if unsure:  # whether it was there is not known: say what it is
                return self.put(key, path)
            if answer.status == 200:
                self.truth.pop(key)
                return None
            # It was registered at a node that was killed before the others heard of it.
            assert answer.status == 404 and time.monotonic() < end, (path, answer)
            time.sleep(0.1)


class OperatorAtWork(Worker):
    """Says and takes back overrides; `truth` is what stands."""

    def __init__(self, work, number):
        super().__init__(work, number)
        self.names = [f"m{number}-{i}" for i in range(6)]
        self.truth = {}
        for name in self.names:
            body = {"address": "10.1.1.2", "port": 80, "persistent": True}
            answer, _ = self.call("PUT", path_of("moved", name), body, name)
            assert answer.status in (200, 201), answer
            self.truth[name] = None

    def step(self):
        name = self.random.choice(self.names)
        path = path_of("moved", name)
        if self.truth[name] and self.random.random() < 0.5:
            self.restore(name, path)
        else:
            self.say(name, path)
        time.sleep(0.02)

    def say(self, name, path):
        said = {"by": "alice", "reason": f"reason {self.random.randrange(1000)}"}
        if self.random.random() < 0.5:
            said["state"] = "out_of_service"
        else:
            said["weight"] = self.random.randrange(0, 50)
        end = time.monotonic() + RETRY_SECONDS
        while True:
            answer, _ = self.call("PUT", path + "/override", said, name)
            if answer.status == 200:
                self.truth[name] = said
                return
            assert answer.status == 404 and time.monotonic() < end, (path, answer)

    def restore(self, name, path):
        end = time.monotonic() + RETRY_SECONDS
        while True:
            answer, unsure = self.call("DELETE", path + "/override?by=bob", None, name)
            if unsure:
                return self.say(name, path)
            if answer.status == 200:
                self.truth[name] = None
                return None
            assert answer.status == 404 and time.monotonic() < end, (path, answer)
            time.sleep(0.1)


class Held:
    """A port that answers, for what must be there when it is probed."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]

    def body(self, **fields):
        return {"address": "127.0.0.1", "port": self.port, **fields}


class CurlSession(Worker):
    """A session as a script with curl would hold it: opened, and kept by heartbeats."""

    SERVICE = "curled"
    PAUSES = False

    def __init__(self, work, number):
        super().__init__(work, number)
        self.name = f"c-{number}"
        self.held = Held()
        self.session = None
        self.begin()

    def begin(self):
        opened, _ = self.call("POST", "/v1/sessions", {"ttl_ms": 6000, "client": self.name})
        assert opened.status == 201, opened
        self.session, self.epoch = opened.json["session"], opened.json["epoch"]
        answer, _ = self.call("PUT", path_of(self.SERVICE, self.name),
                              self.held.body(session=self.session), self.name)
        assert answer.status in (200, 201), answer

    def step(self):
        before = self.place
        answer, _ = self.call("PUT", f"/v1/sessions/{self.session}/heartbeat?epoch={self.epoch}")
        if answer.status == 404:  # as the API has it: open anew, and register again
            self.work.note(f"{self.name}: its session is not known at {before}")
            self.begin()
        elif answer.status == 409:
            resumed, _ = self.call("POST", "/v1/sessions",
                                   {"resume": self.session, "epoch": self.epoch})
            if resumed.status != 404:
                assert resumed.status == 200, resumed.body
                self.epoch = resumed.json["epoch"]
        else:
            assert answer.status == 200, answer.body
        time.sleep(0.5)


class TimedInstance(Worker):
    """An instance with a time to live of its own."""

    SERVICE = "timed"
    PAUSES = False

    def __init__(self, work, number):
        super().__init__(work, number)
        self.name = f"t-{number}"
        self.held = Held()
        self.register()

    def register(self):
        answer, _ = self.call("PUT", path_of(self.SERVICE, self.name),
                              self.held.body(ttl_ms=6000), self.name)
        assert answer.status in (200, 201), answer

    def step(self):
        answer, _ = self.call("PUT", path_of(self.SERVICE, self.name) + "/heartbeat")
        if answer.status == 404:
            self.work.note(f"{self.name} is not known")
            self.register()
        else:
            assert answer.status == 200, answer.body
        time.sleep(0.5)


class AttachedSession(threading.Thread):
    """A session that is attached: its stream is its sign of life. Goes on elsewhere when that ends."""

    SERVICE = "attached"

    def __init__(self, work, number):
        super().__init__(daemon=True)
        self.work = work
        self.name = f"a-{number}"
        self.held = Held()
        self.place = number % len(work.nodes)
        self.failure = None
        self.ended = False
        opened = self.node.call("POST", "/v1/sessions", {"ttl_ms": 6000})
        self.session, self.epoch = opened.json["session"], opened.json["epoch"]
        answer = self.node.register(self.SERVICE, self.name, **self.held.body(session=self.session))
        assert answer.status == 201, answer

    @property
    def node(self):
        return self.work.nodes[self.place]

    def run(self):
        while not self.ended:
            try:
                self.follow()
            except (OSError, StreamEnded, AssertionError) as ended:
                self.work.note(f"{self.name}: {self.node.name}: {ended!r}"[:160])
            self.place = (self.place + 1) % len(self.work.nodes)
            time.sleep(0.1)

    def follow(self):
        path = f"/v1/sessions/{self.session}/attach?epoch={self.epoch}"
        with self.node.stream(path).open() as stream:
            while not self.ended:
                event = stream.event(6)
                if event.kind == "attached":
                    self.epoch = event.data["epoch"]
                elif event.kind == "leaving":
                    return


class CommandProvider:
    """`callbook register` of one of the releases."""

    SERVICE = "orders"

    def __init__(self, programs, registries, name):
        self.name = name
        self.held = Held()
        self.process = subprocess.Popen(
            [str(programs.callbook), "register", self.SERVICE, "--id", name, "--address",
             "127.0.0.1", "--port", str(self.held.port), "--registry", registries],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=clean_environment())

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.held.listener.close()


class CommandWatcher:
    """`callbook watch --json` of one of the releases: what it holds, and who it was told has left."""

    def __init__(self, programs, registries, services):
        self.process = subprocess.Popen(
            [str(programs.callbook), "watch", *services, "--json", "--registry", registries],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=clean_environment())
        self.lock = threading.Lock()
        self.held = {}
        self.left = []  # (service, instance, cause)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            with self.lock:
                self._take(event)

    def _take(self, event):
        service = self.held.setdefault(event["service"], {})
        if event["event"] == "snapshot":
            self.held[event["service"]] = {one["id"]: one for one in event["instances"]}
        elif event["event"] == "left":
            service.pop(event["instance"]["id"], None)
            self.left.append((event["service"], event["instance"]["id"], event.get("cause")))
        else:
            service[event["instance"]["id"]] = event["instance"]

    def instances(self, service):
        with self.lock:
            return dict(self.held.get(service, {}))

    def departures(self):
        with self.lock:
            return list(self.left)

    def close(self):
        self.process.kill()
        self.process.wait()


class RawWatcher(threading.Thread):
    """A watch by socket, which checks each digest; it goes on where its node ends, by digests."""

    def __init__(self, work, number, services):
        super().__init__(daemon=True)
        self.work = work
        self.services = services
        self.place = number % len(work.nodes)
        self.lists = Lists()
        self.lock = threading.Lock()
        self.failure = None
        self.ended = False

    def run(self):
        while not self.ended:
            try:
                self.follow()
            except (OSError, StreamEnded):
                self.place = (self.place + 1) % len(self.work.nodes)
                time.sleep(0.1)
            except Exception as failure:  # pylint: disable=broad-except
                self.failure = failure
                return

    def follow(self):
        node = self.work.nodes[self.place]
        held = {name: self.lists[name].digest if self.lists[name].whole else None
                for name in self.services}
        with node.resume(held) as stream:
            stream.read_head()
            if stream.status == 503:
                raise OSError("not ready")
            assert stream.status == 200, (stream.status, stream.head_rest)
            stream.decoder.feed(stream.head_rest)
            while not self.ended:
                event = stream.event(12)
                if event.kind == "leaving":
                    raise OSError("it leaves")
                with self.lock:
                    self.lists.take(event)

    def instances(self, service):
        with self.lock:
            held = self.lists[service]
            return dict(held.instances) if held.whole else None


def checked_instance(node, name, held):
    """Registers what the registry checks by itself."""
    path = path_of("checked", name)
    answer = node.call("PUT", path, held.body(check={"tcp": {}, "interval_ms": 1000}))
    assert answer.status in (200, 201), answer


def effective(instance):
    """What consumers see of an instance, in a form that compares."""
    return (instance.get("state", "up"), instance.get("weight", 100))


class Work:
    """All of it at once at a cluster, with the truth to judge by."""

    SERVICES = (CommandProvider.SERVICE, CurlSession.SERVICE, TimedInstance.SERVICE,
                AttachedSession.SERVICE, "checked", "moved", "standing")
    #: Services of which nothing may leave that lives.
    LIVING = SERVICES[:5]

    def __init__(self, cluster, seed, present, providers, watchers):
        """`present`: the programs of this build; `providers`, `watchers`: of one release for each."""
        self.cluster = cluster
        self.present = present
        self.nodes = cluster.nodes
        self.seed = seed
        self.random = random.Random(f"{seed} faults")
        self.gate = Gate()
        self.notes = []
        self.dead = set()
        self.providers = {}
        self.made = 0
        for programs in providers:
            self.add_provider(programs)
        self.writers = [Writer(self, i) for i in range(3)]
        self.operators = [OperatorAtWork(self, i) for i in range(2)]
        self.curled = [CurlSession(self, i) for i in range(3)]
        self.timed = [TimedInstance(self, i) for i in range(3)]
        self.attached = [AttachedSession(self, i) for i in range(3)]
        self.checked = {f"k-{i}": Held() for i in range(2)}
        for name, held in self.checked.items():
            checked_instance(self.nodes[0], name, held)
        self.say_what_stands()
        self.watched = [*self.SERVICES, *(f"ledger-{i}" for i in range(Writer.SERVICES))]
        self.watchers = [CommandWatcher(programs, cluster.registries, self.watched)
                         for programs in watchers]
        self.raw = [RawWatcher(self, i, self.watched) for i in range(len(self.nodes))]
        self.workers = [*self.writers, *self.operators, *self.curled, *self.timed]
        for one in [*self.workers, *self.attached, *self.raw]:
            one.start()

    def note(self, text):
        self.notes.append(text)

    def add_provider(self, programs):
        self.made += 1
        name = f"o-{self.made}"
        self.providers[name] = CommandProvider(programs, self.cluster.registries, name)

    def replace_provider(self, programs):
        """kill -9 of one, and another in its place."""
        name = self.random.choice(sorted(self.providers))
        self.dead.add((CommandProvider.SERVICE, name))
        self.providers.pop(name).kill()
        self.add_provider(programs)

    def say_what_stands(self):
        """Overrides that nobody touches again."""
        self.standing = {"s-1": {"state": "out_of_service", "by": "carol", "reason": "bad disk"},
                         "s-2": {"weight": 7, "by": "carol", "reason": "new machine"}}
        for number, (name, said) in enumerate(self.standing.items()):
            node = self.nodes[number % len(self.nodes)]
            assert node.register("standing", name).status == 201
            path = path_of("standing", name) + "/override"
            assert node.call("PUT", path, said).status == 200

    # --- What must be ---

    def expected(self):
        """{service: {id: (state, weight)}}: what every list comes to."""
        up = ("up", 100)
        lists = {CommandProvider.SERVICE: dict.fromkeys(self.providers, up),
                 CurlSession.SERVICE: {one.name: up for one in self.curled},
                 TimedInstance.SERVICE: {one.name: up for one in self.timed},
                 AttachedSession.SERVICE: {one.name: up for one in self.attached},
                 "checked": dict.fromkeys(self.checked, up),
                 "standing": {name: seen_of(said) for name, said in self.standing.items()},
                 "moved": {name: seen_of(said) for one in self.operators
                           for name, said in one.truth.items()}}
        for i in range(Writer.SERVICES):
            lists[f"ledger-{i}"] = {}
        for writer in self.writers:
            for (service, name), weight in writer.truth.items():
                lists[service][name] = ("up", weight)
        return lists

    def check_failures(self):
        for one in [*self.workers, *self.attached, *self.raw]:
            if one.failure:
                raise one.failure
        for name, provider in self.providers.items():
            assert provider.process.poll() is None, f"{name} has ended"

    def check_departures(self):
        """Nothing that lives was ever told to have left."""
        told = [entry for watcher in self.watchers for entry in watcher.departures()]
        told += [entry for raw in self.raw for entry in list(raw.lists.causes)]
        false = [entry for entry in told
                 if entry[0] in self.LIVING and (entry[0], entry[1]) not in self.dead]
        assert not false, f"told to have left though alive: {false}"

    def differences(self):
        """Where what is shown is not what was acknowledged, and nodes that do not agree."""
        found = []
        expected = self.expected()
        for node in self.nodes:
            for service, wanted in expected.items():
                held = {one["id"]: effective(one) for one in node.get(service)["instances"]}
                found += compared(f"{node.name}: {service}", wanted, held)
        for number, watcher in enumerate([*self.watchers, *self.raw]):
            for service, wanted in expected.items():
                instances = watcher.instances(service)
                if instances is None:
                    found.append(f"watcher {number}: {service} is not whole")
                else:
                    held = {name: effective(one) for name, one in instances.items()}
                    found += compared(f"watcher {number}: {service}", wanted, held)
        return found

    def overrides_that_differ(self):
        """What overrides say, as each node shows them. A node of release 0.1 may show the former
        author and reason where weight and state are the same."""
        said = {("moved", name): one for worker in self.operators
                for name, one in worker.truth.items() if one}
        said |= {("standing", name): one for name, one in self.standing.items()}
        found = []
        for node in self.nodes:
            exact = node.program == str(self.present.callbook)
            for (service, name), one in said.items():
                shown = node.call("GET", path_of(service, name)).json.get("override")
                if shown != one and (exact or shown is None or seen_of(shown) != seen_of(one)):
                    found.append(f"{node.name}: {service}/{name}: {shown} instead of {one}")
        return found

    def judge(self, seconds):
        """With nothing under way all comes to show what was acknowledged, and nodes to agree."""
        self.gate.close([one for one in self.workers if one.PAUSES])
        began = time.monotonic()
        try:
            while True:
                self.check_failures()
                self.check_departures()
                found = self.differences() or self.overrides_that_differ()
                if not found and self.cluster.agrees():
                    return time.monotonic() - began
                assert time.monotonic() - began < seconds, "\n".join(found[:20]) or "no agreement"
                time.sleep(0.1)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.account()}") from None
        finally:
            self.gate.open()

    def account(self):
        lines = [*self.notes[-20:]]
        for node in self.nodes:
            if not node.alive():
                lines.append(f"{node.name}: gone")
                continue
            lines.append(f"{node.name}: {node.program}")
            lines.append(f"  {node.call('GET', '/v1/nodes').json}")
            lines.append(node.log.decode(errors="replace")[-1500:])
        return "\n".join(lines)

    def figures(self):
        done = {type(one).__name__: 0 for one in self.workers}
        for one in self.workers:
            done[type(one).__name__] += one.done
        return done

    def close(self):
        self.gate.end()
        for one in [*self.attached, *self.raw]:
            one.ended = True
        for watcher in self.watchers:
            watcher.close()
        for provider in self.providers.values():
            provider.kill()


def seen_of(said):
    """What a list shows of an instance of which an operator has said this."""
    said = said or {}
    return (said.get("state", "up"), said.get("weight", 100))


def compared(where, wanted, held):
    lacking = sorted(wanted.keys() - held.keys())
    surplus = sorted(held.keys() - wanted.keys())
    other = [(name, held[name], wanted[name]) for name in wanted.keys() & held.keys()
             if held[name] != wanted[name]]
    if not (lacking or surplus or other):
        return []
    return [f"{where}: lacks {lacking}, holds besides {surplus}, shows otherwise {other}"]
