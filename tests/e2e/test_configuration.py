"""Where settings come from: a flag over the environment over the file."""

import subprocess

import pytest

from registry import Node, binary, clean_environment
from test_lifecycle import run_server


def node_name(tmp_path, *flags, env=None):
    """The name under which a server says that it is ready."""
    process = subprocess.Popen([binary(), "server", "--dev", "--http", "127.0.0.1:0", *flags],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=clean_environment(env), cwd=tmp_path)
    try:
        line = process.stdout.readline()
        assert line.startswith("ready node="), (line, process.stderr.read())
        return line.split()[1].removeprefix("node=")
    finally:
        process.kill()
        process.communicate()


def write_config(tmp_path, text):
    path = tmp_path / "callbook.toml"
    path.write_text(text)
    return path


def test_flag_over_environment_over_file(tmp_path):
    config = ["--config", str(write_config(tmp_path, 'node = "from-file"\n'))]
    env = {"CALLBOOK_NODE": "from-env"}
    assert node_name(tmp_path, *config) == "from-file"
    assert node_name(tmp_path, *config, env=env) == "from-env"
    assert node_name(tmp_path, *config, "--node", "from-flag", env=env) == "from-flag"
    assert node_name(tmp_path, env=env) == "from-env"


def test_the_file_may_be_named_by_the_environment(tmp_path):
    config = write_config(tmp_path, 'node = "from-file"\n')
    assert node_name(tmp_path, env={"CALLBOOK_CONFIG": str(config)}) == "from-file"


@pytest.mark.parametrize("source", ["flag", "env", "file"])
def test_a_limit_from_each_place(make_node, tmp_path, source):
    node = make_node()
    if source == "flag":
        node.flags += ["--max-metadata-entries", "3"]
    elif source == "env":
        node.env = {"CALLBOOK_MAX_METADATA_ENTRIES": "3"}
    else:
        config = write_config(tmp_path, "[limits]\nmax_metadata_entries = 3\n")
        node.flags += ["--config", str(config)]
    node.start()
    metadata = {f"k{i}": "v" for i in range(4)}
    assert node.register("limited", "o-1", metadata=metadata).json["limit"] == 3


def test_a_limit_flag_goes_over_environment_and_file(make_node, tmp_path):
    config = write_config(tmp_path, "[limits]\nmax_metadata_entries = 3\n")
    node = make_node("--config", str(config), env={"CALLBOOK_MAX_METADATA_ENTRIES": "2"}).start()
    metadata = {f"k{i}": "v" for i in range(9)}
    assert node.register("limited", "o-1", metadata=metadata).json["limit"] == 2
    node.kill()
    node.flags += ["--max-metadata-entries", "4"]
    node.start()
    assert node.register("limited", "o-1", metadata=metadata).json["limit"] == 4


@pytest.mark.parametrize("text, named", [
    ('nodee = "x"\n', "nodee"),
    ("[limits]\nmax_metadata_entriez = 3\n", "max_metadata_entriez"),
    ("[limitz]\nmax_metadata_entries = 3\n", "limitz"),
    ('[limits]\nmax_metadata_entries = "3"\n', "max_metadata_entries"),
    ("[limits]\nmax_metadata_entries = -1\n", "max_metadata_entries"),
    ("[limits]\nmax_metadata_entries = 99999999999999\n", "max_metadata_entries"),
    ("node = 7\n", "node"),
])
def test_what_the_file_may_not_hold(tmp_path, text, named):
    config = write_config(tmp_path, text)
    failed = run_server("--dev", "--http", "127.0.0.1:0", "--config", str(config))
    assert failed.returncode > 0 and failed.stdout == ""
    assert named in failed.stderr and config.name in failed.stderr, failed.stderr


def test_a_file_that_is_no_toml(tmp_path):
    config = write_config(tmp_path, 'node = "x"\nnode = = 3\n')
    failed = run_server("--dev", "--http", "127.0.0.1:0", "--config", str(config))
    assert failed.returncode > 0 and config.name in failed.stderr and "2" in failed.stderr
    missing = run_server("--dev", "--http", "127.0.0.1:0", "--config", str(tmp_path / "none.toml"))
    assert missing.returncode > 0 and "none.toml" in missing.stderr


@pytest.mark.parametrize("flags", [["--nodee", "x"], ["--max-metadata-entries", "x"],
                                   ["--max-metadata-entries", "-1"], ["--max-weight"], ["stray"]])
def test_flags_that_are_none(flags):
    failed = run_server("--dev", "--http", "127.0.0.1:0", *flags)
    assert failed.returncode > 0 and failed.stdout == ""
    named = failed.stderr.replace("_", "-")
    assert flags[0].lstrip("-") in named, failed.stderr


def test_a_name_that_is_none(tmp_path):
    config = write_config(tmp_path, 'node = "two words"\n')
    failed = run_server("--dev", "--http", "127.0.0.1:0", "--config", str(config))
    assert failed.returncode > 0 and "node" in failed.stderr


def test_an_environment_value_that_is_none():
    failed = run_server("--dev", "--http", "127.0.0.1:0", env={"CALLBOOK_MAX_WEIGHT": "heavy"})
    assert failed.returncode > 0 and "CALLBOOK_MAX_WEIGHT" in failed.stderr


class DevNode(Node):
    def command(self):
        return [binary(), "server", "--dev", "--node", self.name, "--http", "127.0.0.1:0"]


def test_dev_keeps_nothing(tmp_path, monkeypatch):
    """In memory only: no file is made, and a restart begins empty."""
    monkeypatch.chdir(tmp_path)
    node = DevNode(tmp_path / "unused")
    try:
        for _ in range(2):
            node.start()
            assert node.get("fleeting")["empty"] == {"reason": "never_registered"}
            assert node.register("fleeting", "o-1").status == 201
            assert len(node.get("fleeting")["instances"]) == 1
            node.kill()
    finally:
        node.close()
    assert list(tmp_path.iterdir()) == []
