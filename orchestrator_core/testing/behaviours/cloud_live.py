"""L: what a run against a real cloud has to leave behind, which is nothing."""

from __future__ import annotations

from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReady
from orchestrator_core.testing.targets.cloud import CloudUnderTest
from orchestrator_core.testing.targets.target import expect


class BaseCloudLive(BaseCloudReady):
    """Comes after all other behaviours."""

    @behaviour("L1", "stop_vm", "list_nodes", last=True)
    def test_nothing_is_left(self, cloud: CloudUnderTest) -> None:
        """Everything that the run has started is destroyed, and gone from the list.

        By this run, under names that begin with its prefix; what others have is not touched.
        """
        cloud.sweep()
        assert not cloud.left(), f"still there: {sorted(cloud.left())}"

    @behaviour("L2", last=True)
    def test_nothing_is_in_doubt(self, cloud: CloudUnderTest) -> None:
        """No start of the run is without an end: each has a node, or certainly none.

        What is in doubt may cost somebody money.
        """

        def doubtful() -> list[str]:
            path = "/operations?kind=start_vm&cloud=cloud"
            asked = expect(cloud.api.get(path), 200)["operations"]
            return [one["id"] for one in asked if one["state"] not in ("succeeded", "failed")]

        what = "all starts were to be settled: these may have made nodes"
        cloud.wait_for(doubtful, lambda seen: not seen, what)
