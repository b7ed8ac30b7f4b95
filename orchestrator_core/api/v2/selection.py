"""The filters and the order of a list of nodes, as a query asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator_core.api.v2.label_selector import Requirement, read_selector
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.api.v2.sorting import Order
from orchestrator_core.model import Node, NodeState
from orchestrator_core.patterns import matches

PARAMETERS: Final = ("name", "state", "label_selector", "sort")
"""The parameters of a query for nodes."""

_STATES: Final = tuple(state.value for state in NodeState)


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters and the order of a list of nodes; equal for equal requests.

    Attributes:
        name: the name, with ``*`` for any characters.
        state: the state as a word.
        labels: the requirements on the tags.
        order: the order; None for that of the cloud.
    """

    name: str | None = None
    state: str | None = None
    labels: tuple[Requirement, ...] = ()
    order: Order | None = None

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Selection:
        """Return the selection of a query.

        Raises:
            InvalidQuery: for a state that no node can have, a field by which nodes cannot be
                sorted, or a malformed selector.
        """
        if not given:
            return EVERYTHING
        if given.get("state", _STATES[0]) not in _STATES:
            raise InvalidQuery("state", f"must be one of {', '.join(_STATES)}")
        labels = read_selector(given["label_selector"]) if "label_selector" in given else ()
        order = Order.read(given["sort"]) if "sort" in given else None
        return cls(given.get("name"), given.get("state"), labels, order)

    def filter(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """Return the nodes that match."""
        name, state, labels = self.name, self.state, self.labels
        if name is not None:
            nodes = [node for node in nodes if matches(node.name, name)]
        if state is not None:
            nodes = [node for node in nodes if node.state.value == state]
        for requirement in labels:
            nodes = [node for node in nodes if requirement.fits(node.tags)]
        return nodes


EVERYTHING: Final = Selection()
"""All nodes, in the order of the cloud."""
