"""Requests that a cloud refused because of an odd value that they were made of."""

from __future__ import annotations

import re
from typing import Any, Final

from orchestrator_core import (
    CloudTimeout,
    CloudUnreachable,
    CredentialsRefused,
    NonsenseAnswer,
    QuotaExceeded,
    RateLimited,
)
from orchestrator_libcloud.answer_tape import Tape
from orchestrator_libcloud.answer_trees import (
    Path,
    is_blank,
    is_element,
    spelled,
    value_at,
    walk,
)
from orchestrator_libcloud.call import current
from orchestrator_libcloud.item_places import called, item_around, position
from orchestrator_libcloud.item_refusals import status_of
from orchestrator_libcloud.meaning import meaning_of
from orchestrator_libcloud.odd_log import cloud_name
from orchestrator_libcloud.trail import Trail

_STATUSES: Final = frozenset({400, 404, 405, 414, 422})
_OTHERWISE: Final = (
    CloudTimeout,
    CloudUnreachable,
    CredentialsRefused,
    QuotaExceeded,
    RateLimited,
)
"""What a refusal with such a status may mean as well, by the provider's own code."""


def _may_be_mismade(error: Exception) -> bool:
    """Whether a request was refused for what it says, and not for who asks or how often."""
    if _status(error) not in _STATUSES:
        return False
    meaning, _ = meaning_of(error, None, _trail(), starts=False)
    return meaning is None or not issubclass(meaning.error, _OTHERWISE)


def _status(error: Exception) -> int | None:
    """Return the status of a refusal, also where the driver could not read it."""
    return status_of(error) or _trail().status


def _trail() -> Trail:
    call = current()
    return Trail() if call is None else call.trail


def named_refusal(tape: Tape, kind: str, error: Exception) -> NonsenseAnswer | None:
    """Return an error that names the item of which a refused request was made, if that is known.

    Args:
        tape: the answers of the call; the refused request is its last.
        kind: what is listed.
        error: the refusal.
    """
    if not _may_be_mismade(error) or (found := _source_of(tape)) is None:
        return None
    number, path = found
    tree = tape.entries[number].tree
    item = item_around(tree, path)
    words = spelled(value_at(tree, item), path[len(item) :])
    name = called(value_at(tree, item))[:80]
    return NonsenseAnswer(
        f"{cloud_name()} gave {kind} {position(tree, item)} {name!r} with a field that leads to "
        f"nothing: {words} (its request was answered with {_status(error)})"
    )


def _source_of(tape: Tape) -> tuple[int, Path] | None:
    """Return the answer and the place in it whose value the last refused request has in it."""
    refused = tape.refused
    found: tuple[tuple[Any, ...], int, Path] | None = None
    for number, entry in enumerate(tape.entries):
        for path, value in walk(entry.tree):
            text = value.text if is_element(value) else value
            told = str(text) if not isinstance(text, dict | list) or not text else ""
            if not path or not told or (quoted := repr(told)[1:-1]) not in refused:
                continue
            name = spelled(entry.tree, path).rpartition(".")[2].lower()
            # A field is often called like the part of the path before it.
            score = name in refused.lower(), len(told), is_blank(text), -len(path)
            is_better = name and (found is None or score > found[0])
            if is_better and re.search(rf"(?<!\w){re.escape(quoted)}(?!\w)", refused):
                found = score, number, path
    return None if found is None else (found[1], found[2])
