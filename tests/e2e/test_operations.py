"""What docs/operations.md says of many nodes, run as it is written there: its commands, with other
ports and folders."""

import re
import shlex
import shutil
import subprocess

from cluster import START_SECONDS
from registry import ROOT, Node, binary, free_port, until


def commands():
    text = (ROOT / "docs/operations.md").read_text()
    section = text.split("## Many nodes\n", 1)[1].split("\n## ", 1)[0]
    return [line.strip() for line in section.splitlines()
            if line.startswith("    nats-server ") or line.startswith("    callbook ")]


def elsewhere(line, ports, folder):
    """The command with each port and folder of its own here."""
    line = re.sub(r"(127\.0\.0\.1:|-p )(\d+)",
                  lambda found: found[1] + str(ports.setdefault(found[2], free_port())), line)
    return shlex.split(line.replace("/var/lib", str(folder)))


def test_three_nodes_set_up_as_written(tmp_path):
    ports, started = {}, []
    written = commands()
    assert [line.split()[0] for line in written] == ["nats-server"] * 3 + ["callbook"] * 4
    try:
        for line in written:
            program, *rest = elsewhere(line, ports, tmp_path)
            if program == "nats-server":
                program = shutil.which(program) or "/usr/sbin/nats-server"
                started.append(subprocess.Popen([program, *rest], stderr=subprocess.DEVNULL))
            elif rest[0] == "server":
                started.append(subprocess.Popen([binary(), *rest], stdout=subprocess.PIPE,
                                                stderr=subprocess.DEVNULL))
            else:
                assert rest[0] == "nodes"
                show_nodes(rest, started[3:])
        check([ports[port] for port in ("7071", "7072", "7073")])
    finally:
        for process in started:
            process.kill()
            process.wait()


def show_nodes(arguments, servers):
    for server in servers:
        assert server.stdout.readline().startswith(b"ready ")

    def table():
        shown = subprocess.run([binary(), *arguments], capture_output=True, text=True, check=True)
        return shown.stdout.count("serving") == 3 and shown.stdout.count(" equal ") == 2
    until(table, START_SECONDS, "three nodes that hold the same")


def check(ports):
    """A registration at one is at all."""
    nodes = []
    for port in ports:
        nodes.append(Node("/nonexistent"))
        nodes[-1].port = port
    assert nodes[0].register("written", "w-1", ack="logged").status == 201
    for node in nodes:
        until(lambda: node.get("written")["instances"], what="the instance")
