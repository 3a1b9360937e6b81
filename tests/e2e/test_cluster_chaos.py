"""Three nodes and three NATS servers, killed and paused one after another while providers and
consumers live on. CHAOS_FAULTS and CHAOS_SEED choose how much, and what (make test-chaos)."""

import os

from chaos import TIMING, Chaos, figures
from cluster import Cluster


def test_nobody_who_lives_is_ever_gone(tmp_path):
    faults = int(os.environ.get("CHAOS_FAULTS", "20"))
    seed = int(os.environ.get("CHAOS_SEED", "1"))
    cluster = Cluster(tmp_path, nodes=3, servers=3, flags=TIMING)
    chaos = None
    try:
        cluster.start()
        chaos = Chaos(cluster, seed)
        for _ in range(faults):
            chaos.round()
        print(f"seed {seed}, {faults} faults\n{figures(chaos)}")
    finally:
        if chaos:
            chaos.close()
        cluster.close()
