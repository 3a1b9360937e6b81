import sys

import pytest

sys.dont_write_bytecode = True

from cluster import Cluster  # noqa: E402
from registry import Node  # noqa: E402  (after the line above, or it would leave a cache)


@pytest.fixture
def make_node(tmp_path):
    """Makes nodes (not started) that end with the test."""
    nodes = []

    def make(*flags, data=None, **options):
        nodes.append(Node(data or tmp_path / f"data-{len(nodes)}", *flags, **options))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


# Who lapses is removed at once: what becomes of suspects is for test_liveness.py.
UNPROBED = ("--probe-rounds", "0")


@pytest.fixture
def node(make_node):
    """A running node with default settings, but for probing."""
    return make_node(*UNPROBED).start()


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory):
    """One running node for tests that keep to services of their own."""
    node = Node(tmp_path_factory.mktemp("shared") / "data", *UNPROBED).start()
    yield node
    node.close()


@pytest.fixture
def make_cluster(tmp_path):
    """Makes clusters (not started) that end with the test."""
    made = []

    def make(**options):
        made.append(Cluster(tmp_path, **options))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()
