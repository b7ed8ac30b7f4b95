"""Behaviours C50 to C59: starts that happen exactly once, and secrets that must not leak."""

from __future__ import annotations

from typing import Final

from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReady
from orchestrator_core.testing.targets.api import V2, Json
from orchestrator_core.testing.targets.cloud import CloudUnderTest
from orchestrator_core.testing.targets.lossy import ANSWER_LOST, NEVER_MADE, NOT_FOUND
from orchestrator_core.testing.targets.target import expect

_OVER: Final = ("succeeded", "failed", "paused")
_WORKER: Final = 10.0
"""Seconds that the durable worker may need, on a slow machine, to find a start's outcome."""


class BaseCloudRecovery(BaseCloudReady):
    """The behaviours of starts whose answers the kit loses between the driver and the core."""

    @behaviour("C50", "find_node", "start_vm", "list_nodes")
    def test_a_lost_answer_is_found_again(self, cloud: CloudUnderTest) -> None:
        """A start whose answer was lost is found by its marker, and there is no second node.

        ``find_node`` returns the node that was started with the marker, so that no node runs and
        costs money unnoticed.
        """
        _found(cloud, ANSWER_LOST)

    @behaviour("C51", "find_node", "start_vm", "list_nodes")
    def test_what_was_never_made_is_not_found(self, cloud: CloudUnderTest) -> None:
        """A start that never reached the cloud is not mistaken for another node.

        ``find_node`` raises ``NodeNotFound`` for a marker that no node carries.
        """
        before = set(cloud.nodes())
        operation = _lost(cloud, NEVER_MADE)
        assert operation["state"] == "failed", f"the start must fail: {operation}"
        new = set(cloud.nodes()) - before
        assert not new, f"these nodes were started: {new}"

    @behaviour("C54", "find_node", "start_vm", "list_nodes")
    def test_the_marker_comes_back(self, cloud: CloudUnderTest) -> None:
        """A start that is not found by its marker is found in the list of nodes.

        ``Node.marker`` returns the marker that the start has put on the node. The core recognises
        its own nodes by it, and believes that nothing was started only if the list does not show
        the marker either.
        """
        _found(cloud, NOT_FOUND)

    @behaviour("C52", last=True)
    def test_no_secret_is_shown(self, cloud: CloudUnderTest) -> None:
        """No answer shows a secret of the settings.

        This checks all answers of the same suite, errors included, as they are before the core
        removes the secrets that it knows.
        """
        cloud.shows_no_secret()

    @behaviour("C53", last=True)
    def test_its_errors_are_the_contracts(self, cloud: CloudUnderTest) -> None:
        """The hooks raise only errors of the contract.

        Any other exception is answered as a failure of the cloud. A caller who could correct the
        request does not learn what to correct. This checks all calls of the same suite.
        """
        cloud.raised_nothing_else()


def _found(cloud: CloudUnderTest, how: str) -> None:
    """Lose the answer of a start; check that its node is found and is the only new one."""
    before = set(cloud.nodes())
    operation = _lost(cloud, how)
    assert operation["state"] == "succeeded", f"the node was not found: {operation}"
    node_id = operation["node"]
    cloud.made.add(node_id)
    cloud.wait_until_listed(node_id)
    new = set(cloud.nodes()) - before
    assert new == {node_id}, f"the new nodes are {new}, expected only {node_id!r}"


def _lost(cloud: CloudUnderTest, how: str) -> Json:
    """Lose the answer of a start; return its operation when the outcome is known."""
    answer = cloud.api.post("/vm/start/cloud", cloud.start_body(how))
    operation = answer.json.get("operation")
    assert operation is not None, f"the answer has no operation: {answer}"

    def look() -> Json:
        found: Json = expect(cloud.api.get(f"{V2}/operations/{operation}"), 200)
        return found

    settled = f"operation {operation} must have an outcome"
    return cloud.wait_for(look, lambda seen: seen["state"] in _OVER, settled, _WORKER)
