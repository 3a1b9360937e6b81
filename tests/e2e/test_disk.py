"""A full disk: what was promised is kept, what can't be promised is refused, and freeing space heals
it. Mounts a small tmpfs, which takes root; without it these tests fail, they are not skipped."""

import os
import subprocess

import pytest

from lists import check_snapshot
from registry import assert_problem, registration, until

SIZE = "4m"


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill_up(disk):
    """Takes every byte that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    os.write(file.fileno(), b"\0" * size)
            except OSError as error:
                assert error.errno == 28, error  # ENOSPC
    return ballast


def store_state(node):
    ready = node.call("GET", "/readyz")
    assert ready.status == 200, "a node with a full disk still serves"
    return ready.json["store"]


def fill_until_degraded(node):
    """Registers (ack=local, always accepted) until the store says that it can't write."""
    count = 0
    while store_state(node)["state"] == "ok":
        results = node.batch([registration("filler", f"o-{count}-{i}", metadata={"n": "x" * 200})
                              for i in range(50)])
        assert {r["status"] for r in results} == {201}
        count += 1
        assert count < 2000, "the disk never filled up"


def test_a_full_disk(make_node, small_disk):
    node = make_node(data=small_disk / "data").start()
    session = node.open_session(ttl_ms=60_000)
    for i in range(20):
        assert node.register("kept", f"before-{i}", ack="logged", session=session).status == 201
    metrics_before = node.metrics()
    ballast = fill_up(small_disk)
    fill_until_degraded(node)

    # Local registrations and reads go on.
    assert node.register("kept", "local").status == 201
    assert len(check_snapshot(node.get("kept"))["instances"]) == 21
    assert node.call("PUT", f"/v1/sessions/{session}/heartbeat").status == 200
    # What was asked to be on the disk is refused clearly, though in effect.
    problem = assert_problem(node.register("kept", "logged", ack="logged"), 503,
                             "applied_not_logged")
    assert "space" in problem["detail"].lower(), problem
    assert "logged" in {i["id"] for i in node.get("kept")["instances"]}
    assert_problem(node.deregister("kept", "before-0", ack="logged"), 503, "applied_not_logged")
    # It shows.
    store = store_state(node)
    assert store["state"] != "ok" and "space" in str(store).lower(), store
    metrics = node.metrics()
    changed = {name for name in metrics if "store" in name
               and metrics[name] != metrics_before.get(name)}
    assert any("degraded" in name for name in changed), changed

    # Freed, it heals by itself; then everything that is in effect is on the disk.
    ballast.unlink()
    until(lambda: store_state(node)["state"] == "ok", 20, "healing")
    assert node.register("kept", "after", ack="logged").status == 201
    assert node.register("kept", "logged", ack="logged").status == 200
    lists = {s: check_snapshot(node.get(s))["digest"] for s in ("kept", "filler")}
    node.restart()
    assert {s: check_snapshot(node.get(s))["digest"] for s in lists} == lists
    ids = {i["id"] for i in node.get("kept")["instances"]}
    assert ids == {f"before-{i}" for i in range(1, 20)} | {"local", "logged", "after"}
    assert node.call("PUT", f"/v1/sessions/{session}/heartbeat").status == 200


def test_kill_9_while_the_disk_is_full(make_node, small_disk):
    """What was acknowledged as logged before is there after; the node starts all the same."""
    node = make_node(data=small_disk / "data").start()
    for i in range(20):
        assert node.register("kept", f"o-{i}", ack="logged").status == 201
    ballast = fill_up(small_disk)
    fill_until_degraded(node)
    node.kill()
    ballast.unlink()
    node.start()
    ids = {i["id"] for i in check_snapshot(node.get("kept"))["instances"]}
    assert ids == {f"o-{i}" for i in range(20)}
    assert node.register("kept", "o-20", ack="logged").status == 201


def test_filling_and_freeing_again_and_again(make_node, small_disk):
    node = make_node(data=small_disk / "data").start()
    for round_ in range(3):
        ballast = fill_up(small_disk)
        fill_until_degraded(node)
        assert node.register("kept", f"o-{round_}").status == 201
        node.batch([{"op": "deregister", "service": "filler", "id": i["id"]}
                    for i in node.get("filler")["instances"]])
        ballast.unlink()
        until(lambda: store_state(node)["state"] == "ok", 20, "healing")
    node.restart()
    ids = {i["id"] for i in check_snapshot(node.get("kept"))["instances"]}
    assert ids == {"o-0", "o-1", "o-2"}


def test_a_start_on_a_full_disk(make_node, small_disk):
    """Starts and serves what it has, or says clearly why not; never damages what is there."""
    node = make_node(data=small_disk / "data").start()
    for i in range(20):
        assert node.register("kept", f"o-{i}", ack="logged").status == 201
    node.stop()
    ballast = fill_up(small_disk)
    node.spawn()
    line = node.process.stdout.readline()
    if line:
        assert line.startswith(b"ready ")
        assert len(check_snapshot(node.get("kept"))["instances"]) == 20
        node.kill()
    else:
        code = node._end(10)
        assert code > 0 and "space" in node.log.decode().lower(), node.log
    ballast.unlink()
    node.start()
    assert len(check_snapshot(node.get("kept"))["instances"]) == 20
