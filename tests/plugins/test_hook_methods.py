"""The hooks of a plugin's class: read once, for all clouds that use the plugin."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_core import CloudDescription, Deadline, Image, Node, hookimpl
from orchestrator_core.plugins import contract
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind


class Sky:
    """A driver whose methods take some of the arguments, in another order."""

    def __init__(self, name: str) -> None:
        self.name = name

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription(self.name, self.name)

    @hookimpl(specname="list_nodes")
    def all_nodes(self, hints: Any, deadline: Deadline) -> list[Node]:
        assert isinstance(deadline, Deadline)
        return [Node(self.name, hints["word"])]

    @hookimpl
    @staticmethod
    def list_images() -> list[Image]:
        return [Image("1", "static")]

    def list_sizes(self) -> list[Any]:
        raise AssertionError("it is not marked as a hook")


def hooks(name: str) -> Hooks:
    return Hooks(Kind.CLOUD, f"Cloud {name}", Sky(name))


def test_a_method_gets_the_arguments_that_it_names() -> None:
    one = hooks("one")
    (node,) = one.many("list_nodes", Node, deadline=Deadline(1), hints={"word": "two"})
    assert (node.id, node.name) == ("one", "two")
    assert one.many("list_images", Image, deadline=Deadline(1), hints={})[0].name == "static"
    assert one.supports("list_nodes")
    assert not one.supports("list_sizes")
    assert not one.supports("all_nodes")


def test_pluggy_reads_a_class_once_for_all_of_its_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cloud(Sky):
        """A class that no other test uses."""

    made: list[Kind] = []
    make = contract.manager

    def counted(kind: Kind) -> contract.QuietManager:
        made.append(kind)
        return make(kind)

    monkeypatch.setattr(contract, "manager", counted)
    for number in range(20):
        one = Hooks(Kind.CLOUD, "Cloud test", Cloud(str(number)))
        assert one.one("describe", CloudDescription).provider == str(number)
    assert made == [Kind.CLOUD]
