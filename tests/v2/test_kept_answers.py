"""Lists that a plugin returns again unchanged: they are encoded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import orjson
import pytest

from orchestrator_core import CloudDescription, Node
from orchestrator_core.api.v2.cursors import Window
from orchestrator_core.api.v2.node_shapes import KeptAnswers, NodesShape
from orchestrator_core.api.v2.selection import Selection
from orchestrator_core.broker.ledger.view import NOTHING, LedgerView
from orchestrator_core.broker.ledger.vm import Holder
from orchestrator_core.clouds.cloud import Cloud

CLOUD = CloudDescription("good", "Good")
HELD = LedgerView({"1": Holder("a", "ann", "cad", 1, None)})


@dataclass(frozen=True)
class Named:
    name: str


class Ledger:
    """A ledger whose view a test sets."""

    def __init__(self) -> None:
        self.now = NOTHING

    def view(self, _: Cloud) -> LedgerView:
        return self.now


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def kept() -> KeptAnswers:
    return KeptAnswers()


def shape(kept: KeptAnswers, ledger: Ledger, query: str = "") -> NodesShape:
    selection = Selection.read(dict(part.split("=") for part in query.split("&") if part))
    cloud = cast("Cloud", Named("cloud"))
    return NodesShape(cloud, Window(), selection, ledger.view, kept)


def shown(answer: Any) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = orjson.loads(bytes(answer.body))["nodes"]
    return nodes


def test_the_same_tuple_is_encoded_once(kept: KeptAnswers, ledger: Ledger) -> None:
    nodes = (Node("1", "a"), Node("2", "b"))
    answer = shape(kept, ledger)(CLOUD, nodes)
    assert shape(kept, ledger)(CLOUD, nodes) is answer
    equal = shape(kept, ledger)(CLOUD, (*nodes, Node("3", "c"))[:2])
    assert equal is not answer
    assert equal.etag == answer.etag


def test_each_query_has_its_own_answer(kept: KeptAnswers, ledger: Ledger) -> None:
    nodes = (Node("1", "a"), Node("2", "b"))
    for name in ("a", "b", "a"):
        found = shown(shape(kept, ledger, f"name={name}")(CLOUD, nodes))
        assert [one["name"] for one in found] == [name]
    for number in range(50):
        shape(kept, ledger, f"name={number}")(CLOUD, nodes)
    assert len(kept._kept["cloud"].answers) <= 8


def test_a_list_is_encoded_each_time(kept: KeptAnswers, ledger: Ledger) -> None:
    nodes = [Node("1", "a")]
    before = shape(kept, ledger)(CLOUD, nodes)
    nodes[0].name = "b"  # the contract forbids it; a list is no promise that it was not done
    after = shape(kept, ledger)(CLOUD, nodes)
    assert (shown(before)[0]["name"], shown(after)[0]["name"]) == ("a", "b")
    assert before.etag != after.etag


def test_a_new_holder_is_shown(kept: KeptAnswers, ledger: Ledger) -> None:
    nodes = (Node("1", "a"),)
    before = shape(kept, ledger)(CLOUD, nodes)
    ledger.now = HELD
    after = shape(kept, ledger)(CLOUD, nodes)
    assert shown(before)[0]["holder"] is None
    assert shown(after)[0]["holder"]["user"] == "ann"
    assert before.etag != after.etag
