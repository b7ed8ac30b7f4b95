"""The knowledge of the ledger that completes a cloud's own answer about its VMs.

This module does not import SQLAlchemy, because a server without a database needs it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from orchestrator_core.broker.ledger.vm import Holder
from orchestrator_core.model import Node, NodeState

_ENDED: Final = (NodeState.TERMINATING, NodeState.TERMINATED)


@dataclass(frozen=True, slots=True)
class LedgerView:
    """The VMs of one cloud about which the ledger knows more than the cloud shows.

    Attributes:
        holders: The present holder of each assigned VM, by node id.
        new: The VMs that were started here a moment ago and that no scan has seen yet, as pending
            nodes, by id.
        ending: The ids of the VMs whose deletion the cloud has accepted.
    """

    holders: Mapping[str, Holder] = field(default_factory=dict)
    new: Mapping[str, Node] = field(default_factory=dict)
    ending: frozenset[str] = frozenset()

    def complete(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """Return a cloud's list with the new VMs that it lacks, and with the VMs that end as such.

        Clouds are eventually consistent: their lists lag behind the changes that they accept.
        """
        if self.ending:
            nodes = [self.of(node) for node in nodes]
        if self.new:
            listed = {node.id for node in nodes}
            nodes = [*nodes, *(self.of(self.new[one]) for one in self.new if one not in listed)]
        return nodes

    def of(self, node: Node) -> Node:
        """Return a node; it is terminating if the cloud has accepted its deletion."""
        if node.id not in self.ending or node.state in _ENDED:
            return node
        return replace(node, state=NodeState.TERMINATING)


NOTHING: Final = LedgerView()
"""The view of a server that records nothing."""
