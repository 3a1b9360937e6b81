import os
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from mixed import MixedCluster, Programs  # noqa: E402  (needs the path above)


@pytest.fixture(scope="session")
def former():
    """The programs of the last release."""
    return Programs(os.environ["CALLBOOK_OLD_BIN"])


@pytest.fixture(scope="session")
def present():
    """The programs of this build."""
    return Programs(os.environ["CALLBOOK_NEW_BIN"])


@pytest.fixture
def make_cluster(tmp_path):
    """Makes clusters (not started) that end with the test: one program a node."""
    made = []

    def make(programs, **options):
        made.append(MixedCluster(tmp_path / f"cluster-{len(made)}", programs, **options))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()
