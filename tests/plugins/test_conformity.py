"""Checks of a plugin's answers against the model's types, in long lists too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator_core import (
    AssignmentResult,
    CloudDescription,
    Image,
    InvalidAnswer,
    Location,
    Node,
    Size,
    Vm,
    hookimpl,
)
from orchestrator_core.plugins.conformity import fault
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind


class Name(str):
    """A text of the kind that some SDKs return."""

    __slots__ = ()


def odd(good: Any, **wrong: Any) -> Any:
    for name, value in wrong.items():
        setattr(good, name, value)
    return good


@pytest.mark.parametrize(
    ("thing", "expected", "why"),
    [
        (Node("1", "x"), Node, None),
        (Node(Name("1"), Name("x"), extra={"a": object()}), Node, None),
        (Node("1", "x", marker="m"), Node, None),
        (Node("1", "x", created_at=datetime.now(UTC), tags={"a": ""}), Node, None),
        (
            Node("1", "x", created_at=datetime(2026, 1, 1)),  # noqa: DTZ001 - the fault
            Node,
            "Node.created_at has no time zone at position 0; make it an aware datetime",
        ),
        (
            odd(Node("1", "x"), created_at="2026-01-01"),
            Node,
            "Node.created_at is str at position 0; make it datetime or None",
        ),
        (
            odd(Node("1", "x"), tags={"a": 1}),
            Node,
            "Node.tags holds int 1 at position 0; make it str",
        ),
        (Size("1", "x", ram=None, disk=4, cpu=0.5), Size, None),
        (Vm(1, "1", "x", recipe_id=None), Vm, None),
        (Vm("one", "1", "x"), Vm, None),
        (Location("1", "x", None), Location, None),
        (CloudDescription("a", "A", None), CloudDescription, None),
        ("x", Node, "it returned a str at position 0; return orchestrator_core.Node objects"),
        (None, Node, "it returned None at position 0; return orchestrator_core.Node objects"),
        (
            Image("1", "x"),
            Node,
            "it returned an Image at position 0; return orchestrator_core.Node objects",
        ),
        (odd(Node("1", "x"), id=7), Node, "Node.id is int 7 at position 0; make it str"),
        (Node("", "x"), Node, "Node.id is empty at position 0; make it the cloud's own id"),
        (odd(Node("1", "x"), name=None), Node, "Node.name is None at position 0; make it str"),
        (
            odd(Node("1", "x"), state="running"),
            Node,
            "Node.state is str at position 0; make it NodeState.RUNNING",
        ),
        (
            odd(Node("1", "x"), public_ips=5),
            Node,
            "Node.public_ips is int 5 at position 0; make it list",
        ),
        (
            odd(Node("1", "x"), public_ips="1.2.3.4"),
            Node,
            "Node.public_ips is str at position 0; make it list",
        ),
        (
            odd(Node("1", "x"), private_ips=["a", 7]),
            Node,
            "Node.private_ips holds int 7 at position 0; make it str",
        ),
        (odd(Node("1", "x"), extra=None), Node, "Node.extra is None at position 0; make it dict"),
        (
            odd(Node("1", "x"), marker=b"m"),
            Node,
            "Node.marker is bytes at position 0; make it str or None",
        ),
        (
            odd(Size("1", "x"), ram="512"),
            Size,
            "Size.ram is str at position 0; make it int or None",
        ),
        (odd(Vm(1, "1", "x"), status="FREE"), Vm, "Vm.status is str at position 0; make it int"),
        (
            AssignmentResult(1, "1", b"x"),  # type: ignore[arg-type]
            AssignmentResult,
            "AssignmentResult.result is bytes at position 0; make it str",
        ),
    ],
)
def test_what_is_wrong_is_named(thing: Any, expected: type, why: str | None) -> None:
    assert fault([thing], expected) == why


def test_one_object_has_no_position() -> None:
    assert fault([{}], Node, listed=False) == (
        "it returned a dict; return an orchestrator_core.Node object"
    )
    wrong = fault([odd(Node("1", "x"), id=7)], Node, listed=False)
    assert wrong == "Node.id is int 7; make it str"


def test_one_among_many() -> None:
    nodes = [Node(str(number), "x", public_ips=["127.0.0.1"]) for number in range(10_000)]
    assert fault(nodes, Node) is None
    assert fault((), Node) is None
    odd(nodes[7_000], private_ips=[None])
    assert fault(nodes, Node) == "Node.private_ips holds None at position 7000; make it str"


class Same:
    """A plugin that returns the same object each time."""

    def __init__(self, answer: Sequence[Node]) -> None:
        self.answer = answer

    @hookimpl
    def list_nodes(self) -> Sequence[Node]:
        return self.answer


@pytest.mark.parametrize("kind", [tuple, list])
def test_the_same_tuple_is_checked_once_and_a_list_each_time(kind: type[Sequence[Node]]) -> None:
    nodes = kind((Node("1", "x"),))  # type: ignore[call-arg]  # both types take a sequence
    hooks = Hooks(Kind.CLOUD, "Cloud test", Same(nodes))
    assert hooks.many("list_nodes", Node) is nodes
    odd(nodes[0], name=7)  # the contract forbids it, and only a tuple promises it
    if kind is tuple:
        assert hooks.many("list_nodes", Node) is nodes
    else:
        with pytest.raises(InvalidAnswer, match=r"Node\.name is int 7"):
            hooks.many("list_nodes", Node)
