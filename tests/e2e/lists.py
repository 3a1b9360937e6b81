"""What a consumer holds: lists kept by snapshots and deltas, each checked by its digest
(docs/formats/digest.md)."""

import base64
import json
import time
from functools import lru_cache

MASK = (1 << 64) - 1
PRIME1 = 0x9E3779B185EBCA87
PRIME2 = 0xC2B2AE3D27D4EB4F
PRIME3 = 0x165667B19E3779F9
PRIME4 = 0x85EBCA77C2B2AE63
PRIME5 = 0x27D4EB2F165667C5

EMPTY_DIGEST = "AAAAAAAAAAA"


def rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def absorb(accumulator, lane):
    return rotate((accumulator + lane * PRIME2) & MASK, 31) * PRIME1 & MASK


def mix64(value):
    value = (value ^ value >> 33) * PRIME2 & MASK
    value = (value ^ value >> 29) * PRIME3 & MASK
    return value ^ value >> 32


def number_at(data, at, size):
    return int.from_bytes(data[at:at + size], "little")


def xxh64(data, seed=0):
    """XXH64 as specified in github.com/Cyan4973/xxHash, doc/xxhash_spec.md."""
    at, end = 0, len(data)
    if end >= 32:
        lanes = [seed + PRIME1 + PRIME2 & MASK, seed + PRIME2 & MASK, seed, seed - PRIME1 & MASK]
        while end - at >= 32:
            for i in range(4):
                lanes[i] = absorb(lanes[i], number_at(data, at + 8 * i, 8))
            at += 32
        value = sum(rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            value = (value ^ absorb(0, lane)) * PRIME1 + PRIME4 & MASK
    else:
        value = seed + PRIME5 & MASK
    value = value + end & MASK
    while end - at >= 8:
        value = rotate(value ^ absorb(0, number_at(data, at, 8)), 27) * PRIME1 + PRIME4 & MASK
        at += 8
    if end - at >= 4:
        value = rotate(value ^ number_at(data, at, 4) * PRIME1 & MASK, 23) * PRIME2 + PRIME3 & MASK
        at += 4
    for byte in data[at:]:
        value = rotate(value ^ byte * PRIME5 & MASK, 11) * PRIME1 & MASK
    return mix64(value)


def canonical_text(instance_id, instance):
    lines = [instance_id, instance["address"], instance.get("port", 0), instance.get("zone", ""),
             instance.get("weight", 100)]
    entries = [("p", instance.get("ports", {})), ("m", instance.get("metadata", {}))]
    for mark, values in entries:
        for name in sorted(values, key=str.encode):
            lines.append(f"{mark}\t{name}\t{values[name]}")
    return "".join(f"{line}\n" for line in lines)


@lru_cache(maxsize=200_000)
def part_of_text(text, state):
    return mix64(xxh64(text.encode()) + xxh64(state.encode()) & MASK)


def part_of(instance_id, instance):
    return part_of_text(canonical_text(instance_id, instance), instance.get("state", "up"))


def digest_text(number):
    return base64.urlsafe_b64encode(number.to_bytes(8, "big")).rstrip(b"=").decode()


def digest_of(instances):
    """The digest of a snapshot's instances."""
    return digest_text(sum(part_of(i["id"], i) for i in instances) & MASK)


def check_snapshot(snapshot):
    """A whole snapshot agrees with its own digest and is sorted. Returns it."""
    ids = [instance["id"] for instance in snapshot["instances"]]
    assert ids == sorted(set(ids), key=str.encode)
    assert snapshot["digest"] == digest_of(snapshot["instances"])
    if not ids:
        assert snapshot["empty"]["reason"] in ("never_registered", "all_left")
    return snapshot


class ServiceList:
    """One service's list as a consumer keeps it. The digest is kept up to date by difference."""

    def __init__(self):
        self.instances = {}
        self.whole = False
        self.digest = EMPTY_DIGEST
        self.empty = None
        self._sum = 0

    def put(self, instance_id, instance):
        self.drop(instance_id)
        kept = {k: v for k, v in instance.items() if k not in ("id", "cause")}
        self.instances[instance_id] = kept
        self._sum += part_of(instance_id, kept)

    def drop(self, instance_id):
        old = self.instances.pop(instance_id, None)
        if old is not None:
            self._sum -= part_of(instance_id, old)

    def clear(self):
        self.instances.clear()
        self._sum = 0

    def take_digest(self, data):
        """An event with a digest makes the list whole, and then it must be the server's."""
        self.whole = "digest" in data
        if self.whole:
            self.digest = digest_text(self._sum & MASK)
            assert self.digest == data["digest"], \
                f"digest differs: have {len(self.instances)} instances, event {str(data)[:300]}"


@lru_cache(maxsize=4096)
def decode(raw):
    return json.loads(raw)


class Lists:
    """All the lists of one watch, kept by its events."""

    def __init__(self):
        self.services = {}
        self.last_id = None
        self.stale = None  # of another data center
        self.causes = []  # (service, instance, cause) of every departure that a delta told
        self.states = []  # (service, instance, state, cause) of every change of state alone
        self.nodes = None  # where else to turn, as a node of a cluster says
        self.parts = 0    # events that continued a snapshot

    def __getitem__(self, service):
        return self.services.setdefault(service, ServiceList())

    def take(self, event):
        if event.kind == "snapshot":
            self._take_snapshot(event.data)
        elif event.kind == "delta":
            self._take_delta(event.data)
        elif event.kind == "nodes":
            self.nodes = event.data["nodes"]
        elif event.kind == "dc":
            self.stale = event.data["stale"]
        else:
            assert event.kind == "alive", event
            assert event.data == {}, event
        if event.id is not None:
            behind = [name for name, held in self.services.items() if not held.whole]
            assert not behind, f"an event id while {behind} are not whole"
            self.last_id = event.id
        return event

    @staticmethod
    def _key(data):
        """(namespace, service) for services outside the default namespace."""
        return (data["namespace"], data["service"]) if "namespace" in data else data["service"]

    def _take_snapshot(self, data):
        held = self[self._key(data)]
        part = data.get("part", 1)
        if part == 1:
            held.clear()
        else:
            self.parts += 1
            assert not held.whole, "a snapshot's further part for a whole list"
        for instance in data["instances"]:
            held.put(instance["id"], instance)
        held.empty = data.get("empty")
        held.take_digest(data)

    def _take_delta(self, data):
        held = self[self._key(data)]
        assert data.keys() <= {"service", "namespace", "digest", "put", "gone", "state", "version",
                               "part", "largest"}
        for instance_id, instance in data.get("put", {}).items():
            held.put(instance_id, instance)
        for instance_id, cause in data.get("gone", {}).items():
            self.causes.append((self._key(data), instance_id, cause))
            held.drop(instance_id)
        for instance_id, (state, *cause) in data.get("state", {}).items():
            self.states.append((self._key(data), instance_id, state, *cause))
            held.put(instance_id, {**held.instances[instance_id], "state": state})
        held.take_digest(data)

    def follow(self, stream, condition, seconds=30):
        """Takes in events until `condition(self)` holds, for at most `seconds`. Returns them."""
        events = []
        end = time.monotonic() + seconds
        while not condition(self):
            events.append(self.take(stream.event(end - time.monotonic())))
        return events

    def follow_to(self, stream, service, digest, seconds=30):
        """Takes in events until the list is whole and has this digest."""
        return self.follow(stream, lambda lists: lists[service].whole
                           and lists[service].digest == digest, seconds)
