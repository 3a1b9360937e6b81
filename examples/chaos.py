#!/usr/bin/env python3
"""Calls to an order service at a constant rate, while its instances and the registry are killed,
stopped, deployed and isolated. make demo-chaos. Fails if a call failed, if there were fewer calls
than --min-rate a second, or if something that was done had no effect.

The same --seed does the same things in the same order. Needs callbook, orders_server and
orders_caller in --bin.
"""

import argparse
import ctypes
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

SERVICE = "orders"
IDS = ("o-1", "o-2", "o-3")
PATIENCE_S = 30
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)  # loaded before there are threads, for die_with_parent()


class NoEffect(Exception):
    """Something that was done, or waited for, did not come about."""


def wait_for(what, holds, patience_s=PATIENCE_S):
    end = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > end:
            raise NoEffect(f"waited {patience_s} s in vain: {what}")
        time.sleep(0.02)


def free_port():
    """Below those that the kernel gives to connections: it stays free while its program is away."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise NoEffect("no port is free")


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """One process of ours, started again and again with the same arguments."""

    def __init__(self, name, argv, log):
        self.name, self.argv, self.log, self.process = name, argv, log, None

    def start(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        preexec_fn=die_with_parent)

    def send(self, number):
        self.process.send_signal(number)

    def is_stopped(self):
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0] == "T"

    def stop_for(self, seconds):
        self.send(signal.SIGSTOP)
        wait_for(f"{self.name} stops", self.is_stopped)
        time.sleep(seconds)
        if not self.is_stopped():
            raise NoEffect(f"{self.name} did not stay stopped")
        self.send(signal.SIGCONT)

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        """Ends it kindly; its exit code."""
        self.send(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise NoEffect(f"{self.name} did not end on SIGTERM") from None
        return self.process.returncode

    def end(self):
        if self.process and self.process.poll() is None:
            self.kill9()


class Registry(Program):
    def __init__(self, binary, data, log):
        self.port = free_port()
        super().__init__("the registry", [binary, "server", "--node", "chaos", "--http",
                                          self.endpoint, "--data", data], log)

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        super().start()
        if not self.process.stdout.readline().startswith("ready "):
            raise NoEffect("the registry did not start")

    def instances(self):
        """{id: state} of the service; None while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.endpoint}/v1/services/{SERVICE}",
                                        timeout=1) as answer:
                return {one["id"]: one.get("state", "up") for one in json.load(answer)["instances"]}
        except (urllib.error.URLError, OSError):
            return None

    def wait_for_all(self):
        wait_for("all instances are listed as up",
                 lambda: self.instances() == dict.fromkeys(IDS, "up"))


class Caller(Program):
    """The program that calls, and what it has said."""

    def start(self):
        super().start()
        self.reports = []  # (when, {name: number}), one a second
        self.failed_attempts = []  # (instance, Unix ms, outcome)
        self.failures = []
        self.total = None
        self.started = time.monotonic()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            kind, _, rest = line.strip().partition(" ")
            values = dict(re.findall(r"([\w-]+)=(\S+)", line))
            if kind == "attempt":
                self.failed_attempts.append((values["instance"], int(values["at_ms"]),
                                             values["outcome"]))
            elif kind == "failure":
                self.failures.append(rest)
            else:
                numbers = {name: int(value) for name, value in values.items()}
                if kind == "total":
                    self.total = numbers
                else:
                    self.reports.append((time.monotonic(), numbers))

    def wait_for_calls(self, what, wanted):
        """Until there is a second, all of it from now on, whose report is as wanted."""
        start = time.monotonic() + 1.0
        wait_for(what, lambda: any(when >= start and wanted(numbers)
                                   for when, numbers in list(self.reports)))

    def wait_until_left_out(self, one):
        self.wait_for_calls(f"{one} answers no call", lambda numbers: one not in numbers)

    def wait_until_called(self, one):
        self.wait_for_calls(f"{one} answers calls", lambda numbers: numbers.get(one, 0) > 0)

    def failed_since(self, one, since_ms):
        """(Unix ms, outcome) of each attempt at an instance that failed."""
        return [(at_ms, outcome) for name, at_ms, outcome in list(self.failed_attempts)
                if name == one and at_ms >= since_ms]

    def finish(self):
        self.seconds = time.monotonic() - self.started
        self.send(signal.SIGTERM)
        self.reader.join(PATIENCE_S)
        self.process.wait(PATIENCE_S)
        if self.total is None:
            raise NoEffect("the caller did not say what came of its calls")


def now_ms():
    return int(time.time() * 1000)


class Chaos:
    def __init__(self, options, folder):
        self.options = options
        self.rng = random.Random(options.seed)
        self.log = open(folder / "log", "w+", encoding="utf-8")
        self.callbook = options.bin / "callbook"
        self.registry = Registry(self.callbook, folder / "data", self.log)
        self.instances = {one: Program(one, self.server_arguments(one), self.log) for one in IDS}
        self.caller = Caller("the caller", [options.bin / "orders_caller", "--registry",
                                            self.registry.endpoint, "--rate", str(options.rate)],
                             self.log)
        self.started = time.monotonic()
        self.gone_s = 15 if options.seconds >= 60 else 3
        self.kill_to_last_failed_ms = []

    def server_arguments(self, one):
        return [self.options.bin / "orders_server", "--registry", self.registry.endpoint, "--id", one,
                "--port", str(free_port())]

    def say(self, text):
        print(f"{time.monotonic() - self.started:6.1f} s  {text}", flush=True)

    @staticmethod
    def told_of(failed):
        sent = sum(outcome == "failed" for _, outcome in failed)
        return f"attempts: {sent} failed, {len(failed) - sent} not sent"

    def pick(self):
        return self.rng.choice(IDS)

    # What is done. Each ends when it has been seen to have its effect, and to be over.

    def kill_instance(self):
        one = self.pick()
        killed_ms = now_ms()
        self.instances[one].kill9()
        self.say(f"kill -9 of {one}")
        self.caller.wait_until_left_out(one)
        failed = self.caller.failed_since(one, killed_ms)
        last_ms = max(failed)[0] - killed_ms if failed else 0
        self.kill_to_last_failed_ms.append(last_ms)
        self.say(f"  {self.told_of(failed)}, the last {last_ms} ms after it; started again")
        self.instances[one].start()
        self.caller.wait_until_called(one)

    def drain(self, one):
        begin_ms = now_ms()
        code = self.instances[one].terminate()
        if code != 0:
            raise NoEffect(f"{one} ended with {code}")
        self.caller.wait_until_left_out(one)
        self.say(f"  it ended; {self.told_of(self.caller.failed_since(one, begin_ms))}")

    def deploy_instance(self):
        one = self.pick()
        self.say(f"deploy of {one}: SIGTERM, it drains and ends, it is started again")
        self.drain(one)
        wait_for(f"{one} is not listed", lambda: one not in (self.registry.instances() or {one: ""}))
        self.instances[one].start()
        self.caller.wait_until_called(one)

    def deploy_without_registry(self):
        """Nobody can be told, so late calls are turned away at the door."""
        one = self.pick()
        self.say(f"deploy of {one} while the registry is gone")
        self.registry.kill9()
        self.drain(one)
        self.instances[one].start()
        self.caller.wait_until_called(one)
        self.registry.start()
        self.registry.wait_for_all()

    def isolate_instance(self):
        one = self.pick()
        self.say(f"isolate and restore of {one}")
        self.run_verb("isolate", one)
        self.caller.wait_until_left_out(one)
        self.run_verb("restore", one)
        self.caller.wait_until_called(one)

    def stop_instance(self):
        one = self.pick()
        self.say(f"SIGSTOP of {one} for 3 s")
        begin, begin_ms = len(self.caller.reports), now_ms()
        self.instances[one].stop_for(3)
        if all(numbers.get(one, 0) for _, numbers in self.caller.reports[begin:]):
            raise NoEffect(f"{one} was stopped, but went on answering")
        self.say(f"  {self.told_of(self.caller.failed_since(one, begin_ms))}")
        self.caller.wait_until_called(one)

    def stop_registry(self):
        self.say("SIGSTOP of the registry for 3 s")
        self.registry.stop_for(3)
        self.registry.wait_for_all()

    def kill_registry(self):
        self.say("kill -9 of the registry, started again at once")
        self.registry.kill9()
        self.registry.start()
        self.registry.wait_for_all()

    def take_registry_away(self):
        self.say(f"the registry is gone for {self.gone_s} s")
        self.registry.kill9()
        time.sleep(self.gone_s)
        if self.registry.instances() is not None:
            raise NoEffect("the registry was gone, but somebody answered")
        self.registry.start()
        self.registry.wait_for_all()

    def run_verb(self, verb, one):
        done = subprocess.run([self.callbook, verb, f"{SERVICE}/{one}", "--by", "chaos",
                               "--reason", "to show it"],
                              env={**os.environ, "CALLBOOK_REGISTRY": self.registry.endpoint},
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoEffect(f"callbook {verb}: {done.stderr.strip()}")

    # The walk.

    def run(self):
        self.registry.start()
        for program in self.instances.values():
            program.start()
        self.registry.wait_for_all()
        self.caller.start()
        wait_for("all instances are called",
                 lambda: any(all(one in numbers for one in IDS) for _, numbers in self.caller.reports))
        self.started = time.monotonic()
        self.say(f"{len(IDS)} instances, {self.options.rate} calls/s, seed {self.options.seed}")
        actions = [self.kill_instance, self.deploy_instance, self.deploy_without_registry,
                   self.isolate_instance, self.stop_instance, self.stop_registry,
                   self.kill_registry]
        left = actions + [self.take_registry_away]
        self.rng.shuffle(left)
        done_once = False
        while not done_once or time.monotonic() - self.started < self.options.seconds:
            left.pop()()
            if not left:
                done_once = True
                left = self.rng.sample(actions, len(actions))
        self.caller.finish()

    def report(self):
        """Prints what came of the calls; whether it is as it must be."""
        total, seconds = self.caller.total, self.caller.seconds
        per_second = total["calls"] / seconds
        print(f"calls: {total['calls']} ({per_second:.0f}/s for {seconds:.0f} s)")
        print(f"refusals: {total['refused']}")
        print(f"failed attempts: {total['failed']}")
        print(f"retries: {total['retries']}")
        print("from kill -9 to the last failed attempt: "
              f"{', '.join(str(ms) for ms in self.kill_to_last_failed_ms)} ms")
        print(f"failures: {total['failures']}")
        for failure in self.caller.failures[:10]:
            print(f"  {failure}")
        return total["failures"] == 0 and per_second >= self.options.min_rate

    def end(self):
        for program in (self.caller, *self.instances.values(), self.registry):
            program.end()

    def print_log(self):
        self.log.seek(0)
        sys.stderr.write("".join(self.log.readlines()[-100:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=120, help="at least; all is done once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=2200, help="calls a second")
    parser.add_argument("--min-rate", type=int, default=2000, help="fewer are a failure")
    parser.add_argument("--bin", type=Path, default=Path(__file__).resolve().parent.parent /
                        "build/release/bin")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through `finally`
    folder = Path(tempfile.mkdtemp(prefix="callbook-chaos-"))
    chaos = Chaos(parser.parse_args(), folder)
    good = False
    try:
        chaos.run()
        good = chaos.report()
    except NoEffect as fault:
        print(f"chaos: {fault}", flush=True)
    finally:
        chaos.end()
        if not good:
            chaos.print_log()
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
