"""This build over a data directory that the last release has left (tests/upgrade/golden). The two
releases side by side: make test-upgrade."""

import json
import shutil

from lists import digest_of
from registry import ROOT, until

GOLDEN = ROOT / "tests/upgrade/golden"
# Its drain was over long ago; nothing else of what is listed depends on the time.
DRAINED = "o-4"


def test_its_store_is_served_as_it_was(make_node, tmp_path):
    shutil.copytree(GOLDEN / "alone", tmp_path / "data")
    node = make_node(data=tmp_path / "data").start()
    for restarted in (False, True):
        if restarted:  # from what this build has written
            node.restart()
        for service, shown in json.loads((GOLDEN / "alone.json").read_text()).items():
            expected = [one for one in shown["instances"] if one["id"] != DRAINED]

            def listed():
                return [one for one in node.get(service)["instances"] if one["id"] != DRAINED]

            until(lambda: listed() == expected, 10, f"{service} as it was")
            assert digest_of(expected) == digest_of(listed())
    until(lambda: DRAINED not in {one["id"] for one in node.get("orders")["instances"]})
    assert node.get("orders")["instances"], "the others stay"


def test_its_overrides_can_be_ended(make_node, tmp_path):
    shutil.copytree(GOLDEN / "alone", tmp_path / "data")
    node = make_node(data=tmp_path / "data").start()
    shown = node.call("GET", "/v1/services/said/instances/s-1").json
    assert shown["override"] == {"state": "out_of_service", "by": "alice", "reason": "bad disk"}
    answer = node.call("DELETE", "/v1/services/said/instances/s-1/override?by=bob")
    assert answer.status == 200, answer
    assert "state" not in node.call("GET", "/v1/services/said/instances/s-1").json
