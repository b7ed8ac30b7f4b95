"""Behaviours L1 and L2: a live run against a real cloud leaves nothing behind."""

from __future__ import annotations

from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReady
from orchestrator_core.testing.targets.api import V2
from orchestrator_core.testing.targets.cloud import CloudUnderTest
from orchestrator_core.testing.targets.target import expect


class BaseCloudLive(BaseCloudReady):
    """The behaviours of a live run, which are checked after all others."""

    @behaviour("L1", "stop_vm", "list_nodes", last=True)
    def test_nothing_is_left(self, cloud: CloudUnderTest) -> None:
        """Every node that the run started is destroyed and gone from the list.

        The names of these nodes begin with the prefix of the run. Other nodes are not touched.
        """
        cloud.sweep()
        assert not cloud.left(), f"these nodes still exist: {sorted(cloud.left())}"

    @behaviour("L2", last=True)
    def test_nothing_is_in_doubt(self, cloud: CloudUnderTest) -> None:
        """Every start of the run has a known outcome: it created a node, or certainly none.

        A start with an unknown outcome may have created a node that costs money.
        """

        def doubtful() -> list[str]:
            path = f"{V2}/operations?kind=start_vm&cloud=cloud"
            asked = expect(cloud.api.get(path), 200)["operations"]
            return [one["id"] for one in asked if one["state"] not in ("succeeded", "failed")]

        what = "every start must have an outcome; these may have created nodes"
        cloud.wait_for(doubtful, lambda seen: not seen, what)
