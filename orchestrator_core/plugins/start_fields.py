"""The check of a driver's answer to ``start_fields``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from orchestrator_core.start_request import START_FIELDS, StartField

TakenFields = Mapping[str, StartField | str]
"""For each optional field of a start how a cloud takes it, or why it does not."""

WITHOUT_HOOK: Final[TakenFields] = {"keyname": StartField(), "metadata": StartField()}
"""The fields that a driver without ``start_fields`` gets; it checks them itself."""

_NOT_TAKEN: Final = "its plugin does not take it"


def fault(answer: Any) -> str | None:
    """Return what is wrong with a driver's answer, and what is right; None if nothing is."""
    if not isinstance(answer, Mapping):
        return f"it returned {type(answer).__name__}; return a dict of str to StartField or str"
    for name, taken in answer.items():
        if name not in START_FIELDS:
            return f"{name!r} is not a field of a start; there are {', '.join(START_FIELDS)}"
        if isinstance(taken, StartField):
            wrong = _fault(taken)
            if wrong is not None:
                return f"{name}: {wrong}"
        elif not isinstance(taken, str) or not taken:
            return f"{name} is {type(taken).__name__}; make it StartField, or str with the reason"
    return None


def _fault(taken: StartField) -> str | None:
    unknown = [name for name in taken.excludes if name not in START_FIELDS]
    if unknown:
        return f"excludes has {unknown[0]!r}, which is not a field of a start"
    if taken.given_as not in ("id", "name"):
        return f"given_as is {taken.given_as!r}; make it 'id' or 'name'"
    try:
        re.compile(taken.id_pattern or "")
    except re.error as error:
        return f"id_pattern is not a regular expression: {error}"
    return None


def complete(answer: TakenFields, clean: Callable[[str], str]) -> TakenFields:
    """Return an entry for every field, with texts for callers that contain no secret.

    Args:
        answer: the driver's answer.
        clean: a function that removes secrets from a text.
    """

    def one(name: str) -> StartField | str:
        taken = answer.get(name, _NOT_TAKEN)
        if isinstance(taken, str):
            return clean(taken)
        return taken if taken.note is None else replace(taken, note=clean(taken.note))

    return {name: one(name) for name in START_FIELDS}
