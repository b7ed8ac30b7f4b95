"""Loses answers of a plugin's starts on purpose, and all but one way to find them again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, Final

from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudTimeout, NodeNotFound
from orchestrator_core.hookspecs import Hints, hookimpl
from orchestrator_core.model import Node, StartRequest
from orchestrator_core.plugins.contract import settings_schema

ANSWER_LOST: Final = "answer-lost"
"""A start whose name has this in it is made, its answer is lost, and lists show no marker of it."""

NOT_FOUND: Final = "not-found"
"""The same, but the list shows its marker, and ``find_node`` does not find it."""

NEVER_MADE: Final = "never-made"
"""A start whose name has this in it is lost on its way: nothing is made."""


def lossy(factory: type, hooks: Collection[str]) -> type:
    """Return a class that stands before a plugin's own and loses starts, chosen by their name.

    Args:
        factory: the plugin's class.
        hooks: those that it implements.
    """
    made: dict[str, Any] = {name: _handed_on(getattr(factory, name)) for name in hooks}
    lost: dict[str, Callable[..., Any]] = {
        "start_vm": _start_vm,
        "find_node": _find_node,
        "list_nodes": _list_nodes,
    }
    made |= {name: hookimpl(hook) for name, hook in lost.items() if name in hooks}
    made |= {"settings_schema": settings_schema(factory), "factory": factory, "listed": set()}
    return type(factory.__name__, (_Before,), made)


def _handed_on(own: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(own)  # which says that it is a hook, and what it takes
    def hook(self: _Before, *arguments: Any, **named: Any) -> Any:
        return getattr(self.plugin, own.__name__)(*arguments, **named)

    return hook


class _Before:
    """Hands on what is not lost. The plugin's own calls of its hooks do not come by here.

    Attributes:
        factory: the plugin's class.
        listed: markers that lists show and ``find_node`` does not find; of all objects.
    """

    factory: Callable[..., Any]
    listed: set[str | None]

    def __init__(self, context: Any, settings: Any) -> None:
        self.plugin = type(self).factory(context, settings)

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call the plugin's own hook with as many of the arguments as it takes."""
        own = getattr(self.plugin, hook)
        takes = inspect.signature(own).parameters
        return own(**{name: value for name, value in arguments.items() if name in takes})


def _start_vm(self: _Before, request: StartRequest, deadline: Deadline, hints: Hints) -> Any:
    if NEVER_MADE in request.name:
        raise CloudTimeout("The request was lost, as the test wanted")
    if NOT_FOUND in request.name:
        self.listed.add(request.marker)
    node = self.call("start_vm", request=request, deadline=deadline, hints=hints)
    if ANSWER_LOST in request.name or NOT_FOUND in request.name:
        raise CloudTimeout("The answer was lost, as the test wanted")
    return node


def _find_node(self: _Before, marker: str, deadline: Deadline, hints: Hints) -> Any:
    if marker in self.listed:
        raise NodeNotFound("It is not found, as the test wanted")
    return self.call("find_node", marker=marker, deadline=deadline, hints=hints)


def _list_nodes(self: _Before, deadline: Deadline, hints: Hints) -> Any:
    nodes = self.call("list_nodes", deadline=deadline, hints=hints)
    if not isinstance(nodes, Sequence) or not all(isinstance(node, Node) for node in nodes):
        return nodes  # which the core refuses
    return [node if node.marker in self.listed else replace(node, marker=None) for node in nodes]
