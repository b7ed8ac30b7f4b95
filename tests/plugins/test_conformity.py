"""What a plugin gives is held against the model's types, in long lists too."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_core import AssignmentResult, CloudDescription, Image, Location, Node, Size, Vm
from orchestrator_core.plugins.conformity import fault


class Name(str):
    """A text as some SDKs give it."""

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
        (Size("1", "x", ram=None, disk=4, cpu=0.5), Size, None),
        (Vm(1, "1", "x", recipe_id=None), Vm, None),
        (Vm("one", "1", "x"), Vm, None),
        (Location("1", "x", None), Location, None),
        (CloudDescription("a", "A", None), CloudDescription, None),
        ("x", Node, "got str"),
        (None, Node, "got NoneType"),
        (Image("1", "x"), Node, "got Image"),
        (odd(Node("1", "x"), id=1), Node, "id of a Node is int"),
        (Node("", "x"), Node, "a Node without an id"),
        (odd(Node("1", "x"), name=None), Node, "name of a Node is NoneType"),
        (odd(Node("1", "x"), state="running"), Node, "state of a Node is str"),
        (odd(Node("1", "x"), public_ips=5), Node, "public_ips of a Node is int"),
        (odd(Node("1", "x"), public_ips="1.2.3.4"), Node, "public_ips of a Node is str"),
        (odd(Node("1", "x"), private_ips=["a", 7]), Node, "private_ips of a Node holds int"),
        (odd(Node("1", "x"), extra=None), Node, "extra of a Node is NoneType"),
        (odd(Node("1", "x"), marker=b"m"), Node, "marker of a Node is bytes"),
        (odd(Size("1", "x"), ram="512"), Size, "ram of a Size is str"),
        (odd(Vm(1, "1", "x"), status="FREE"), Vm, "status of a Vm is str"),
        (AssignmentResult(1, "1", b"x"), AssignmentResult, "result of a AssignmentResult is bytes"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_is_named(thing: Any, expected: type, why: str | None) -> None:
    assert fault([thing], expected) == why


def test_one_among_many() -> None:
    nodes = [Node(str(number), "x", public_ips=["127.0.0.1"]) for number in range(10_000)]
    assert fault(nodes, Node) is None
    assert fault((), Node) is None
    odd(nodes[7_000], private_ips=[None])
    assert fault(nodes, Node) == "private_ips of a Node holds NoneType"
