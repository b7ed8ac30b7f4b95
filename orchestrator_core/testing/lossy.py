"""Loses answers of a plugin's starts on purpose: a start is all that it spoils."""

from __future__ import annotations

import inspect
from typing import Any, Final

from orchestrator_core.errors import CloudTimeout
from orchestrator_core.hookspecs import hookimpl
from orchestrator_core.model import StartRequest

ANSWER_LOST: Final = "answer-lost"
"""A start whose name has this in it is made, and its answer is lost."""

NEVER_MADE: Final = "never-made"
"""A start whose name has this in it is lost on its way: nothing is made."""


def lossy(factory: type) -> type:
    """Return a plugin's class with starts that can be lost, chosen by their name."""
    start = getattr(factory, "start_vm", None)
    if start is None:
        return factory
    takes = set(inspect.signature(start).parameters)

    def start_vm(self: Any, request: StartRequest, deadline: Any, hints: Any) -> Any:
        if NEVER_MADE in request.name:
            raise CloudTimeout("The request was lost, as the test wanted")
        given = {"request": request, "deadline": deadline, "hints": hints}
        node = start(self, **{name: value for name, value in given.items() if name in takes})
        if ANSWER_LOST in request.name:
            raise CloudTimeout("The answer was lost, as the test wanted")
        return node

    return type(factory.__name__, (factory,), {"start_vm": hookimpl(start_vm)})
