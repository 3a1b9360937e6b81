"""A data center of one release that is followed by one of the other."""

import pytest

from registry import Node, registration, until

WAYS = ["a former node follows", "a former node is followed"]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_followed_is_shown(way, former, present, tmp_path):
    followed_by, followed_of = (former, present) if way == WAYS[0] else (present, former)
    source = Node(tmp_path / "source", "--datacenter", "dc2", name="source",
                  program=str(followed_of.callbook)).start()
    follower = Node(tmp_path / "follower", "--datacenter", "dc1", "--follow",
                    f"dc2=127.0.0.1:{source.port}", name="follower",
                    program=str(followed_by.callbook)).start()
    try:
        source.batch([registration("orders", f"o-{i}", weight=i + 1) for i in range(50)])
        session = source.open_session(ttl_ms=60_000)
        source.register("orders", "held", session=session)
        assert source.call("PUT", "/v1/services/orders/instances/o-1/override",
                           {"state": "out_of_service", "by": "alice"}).status == 200
        source.register("orders", "gone")
        source.deregister("orders", "gone")

        def same():
            shown = follower.call("GET", "/v1/services/orders?dc=dc2")
            return shown.status == 200 and shown.json["digest"] == source.get("orders")["digest"]

        until(same, 30, "the same list at the follower")
        if followed_of is present:  # what a former node does not know is passed over, and no harm
            answer = source.call("PUT", "/v1/services/orders/instances/held/status",
                                 {"status": "failing"})
            assert answer.status == 200, answer.body
            source.call("DELETE", "/v1/services/orders/instances/o-2?by=alice")
            source.register("orders", "later")

            def known():
                shown = follower.call("GET", "/v1/services/orders?dc=dc2").json["instances"]
                return {one["id"]: one.get("state", "up") for one in shown}

            until(lambda: "later" in known(), 30, "what came later")
            assert known()["held"] == "up" and known()["o-1"] == "out_of_service"
        source.restart()
        until(lambda: follower.call("GET", "/v1/services/orders?dc=dc2").json["stale"] is False, 30,
              "that it is heard again")
    finally:
        follower.close()
        source.close()
