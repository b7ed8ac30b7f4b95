"""A wrapper of a driver that loses the answers of starts, and all but one way to find them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, Final

from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudTimeout, NodeNotFound
from orchestrator_core.hookspecs import Hints, hookimpl
from orchestrator_core.model import Node
from orchestrator_core.plugins.contract import settings_schema
from orchestrator_core.start_request import StartRequest

ANSWER_LOST: Final = "answer-lost"
"""In the name of a start: the start is made, its answer is lost, and lists hide its marker."""

NOT_FOUND: Final = "not-found"
"""In the name of a start: the same, but the list shows the marker and ``find_node`` fails."""

NEVER_MADE: Final = "never-made"
"""In the name of a start: the request is lost, and no node is created."""


def lossy(factory: type, hooks: Collection[str]) -> type:
    """Return a class that wraps a plugin's class and loses starts, chosen by their name.

    Args:
        factory: The plugin's class.
        hooks: The names of the hooks that it implements.
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
    @wraps(own)  # copies the mark of a hook and the signature
    def hook(self: _Before, *arguments: Any, **named: Any) -> Any:
        return getattr(self.plugin, own.__name__)(*arguments, **named)

    return hook


class _Before:
    """Wrapper of a plugin's object, which forwards every call that is not to be lost.

    Calls that the plugin makes of its own hooks do not pass through the wrapper.

    Attributes:
        factory: The plugin's class.
        listed: The markers that lists show and ``find_node`` does not find, for all objects.
    """

    factory: Callable[..., Any]
    listed: set[str | None]

    def __init__(self, context: Any, settings: Any) -> None:
        self.plugin = type(self).factory(context, settings)

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call the plugin's hook with those of the arguments that it accepts."""
        own = getattr(self.plugin, hook)
        takes = inspect.signature(own).parameters
        return own(**{name: value for name, value in arguments.items() if name in takes})


def _start_vm(self: _Before, request: StartRequest, deadline: Deadline, hints: Hints) -> Any:
    if NEVER_MADE in request.name:
        raise CloudTimeout("The test has lost the request on purpose")
    if NOT_FOUND in request.name:
        self.listed.add(request.marker)
    node = self.call("start_vm", request=request, deadline=deadline, hints=hints)
    if ANSWER_LOST in request.name or NOT_FOUND in request.name:
        raise CloudTimeout("The test has lost the answer on purpose")
    return node


def _find_node(self: _Before, marker: str, deadline: Deadline, hints: Hints) -> Any:
    if marker in self.listed:
        raise NodeNotFound("The test has hidden the node on purpose")
    return self.call("find_node", marker=marker, deadline=deadline, hints=hints)


def _list_nodes(self: _Before, deadline: Deadline, hints: Hints) -> Any:
    nodes = self.call("list_nodes", deadline=deadline, hints=hints)
    if not isinstance(nodes, Sequence) or not all(isinstance(node, Node) for node in nodes):
        return nodes  # the core refuses such a list
    return [node if node.marker in self.listed else replace(node, marker=None) for node in nodes]
