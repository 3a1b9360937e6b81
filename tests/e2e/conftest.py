import sys

import pytest

sys.dont_write_bytecode = True

from checked import Service  # noqa: E402
from cluster import Cluster  # noqa: E402
from providers import FAST, Provider  # noqa: E402
from registry import Node  # noqa: E402  (after the line above, or it would leave a cache)
from wrappers import Wrapper  # noqa: E402


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


@pytest.fixture
def fast(make_node):
    """A running node that judges silence quickly."""
    return make_node(*FAST).start()


@pytest.fixture
def provide(fast):
    """Makes providers that end with the test."""
    made = []

    def make(service, name, node=None, **options):
        made.append(Provider(node or fast, service, name, **options))
        return made[-1]

    yield make
    for provider in made:
        provider.close()


@pytest.fixture
def wrap(fast):
    """Makes running `callbook register`s that end with the test."""
    made = []

    def make(service, *flags, node=None, **options):
        made.append(Wrapper(node or fast, service, *flags, **options))
        return made[-1]

    yield make
    for wrapper in made:
        wrapper.close()


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory):
    """One running node for tests that keep to services of their own."""
    node = Node(tmp_path_factory.mktemp("shared") / "data", *UNPROBED).start()
    yield node
    node.close()


@pytest.fixture
def service():
    """A running HTTP server that may be checked."""
    made = Service()
    yield made
    made.stop()


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
