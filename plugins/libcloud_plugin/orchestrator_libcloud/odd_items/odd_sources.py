"""Finder of the answer's field from which a driver made a request that the cloud refused.

The driver makes its list from the recorded answers again, each time with one of the fields changed
that it last read. A field is the source of the request if that changes the request. A text that is
in both proves less: many values are as short as ``1``, and a driver may cut up a link.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from orchestrator_libcloud.answers.answer_trees import GONE, Path, is_element, value_at, walk
from orchestrator_libcloud.answers.item_places import looks_odd
from orchestrator_libcloud.odd_items.answer_copies import Trace
from orchestrator_libcloud.odd_items.answer_tape import Tape, Unrecorded, World
from orchestrator_libcloud.odd_items.odd_values import is_made_of
from orchestrator_libcloud.paging.paging import ListStopped

Source = tuple[int, Path]
"""The number of an answer and a path in it."""

_FIELDS: Final = 40
_SECONDS: Final = 2.0
"""Processor time, as for the search."""

_LONG: Final = 200
_MARK: Final = "x7"


def source_of(tape: Tape, run: Callable[[], Any]) -> Source | None:
    """Return the source of the last request's value; None if it cannot be determined.

    Args:
        tape: the answers of the call; the refused request is its last.
        run: makes the driver build its list from the tape.
    """
    base = World(trace=Trace())
    _replay(tape, run, base)
    assert base.trace is not None
    looks = list(dict.fromkeys(reversed(base.trace.asked)))
    if base.requests and (found := _changing(tape, run, base.requests, looks)):
        # A request may be made from an account's id and from an item's; only one of them is odd.
        return next((one for one in found if looks_odd(_value(tape, one))), found[0])
    if is_made_of([tape.refused or "''"], [None]):
        return looks[0] if looks else None  # the driver did not find the value that it looked up
    return _quoted(tape)


def _changing(
    tape: Tape, run: Callable[[], Any], requests: list[str], looks: list[Source]
) -> list[Source]:
    """Return the fields whose change makes the driver send another request, the last first."""
    found: list[Source] = []
    end = time.thread_time() + _SECONDS
    for number, path in looks[:_FIELDS]:
        if time.thread_time() > end:
            break
        value = _value(tape, (number, path))
        is_parent = is_element(value) and len(value)
        if path and not (is_parent or str(path[-1]).startswith("<")):
            world = World({number: {_text_path(value, path): _another(value)}})
            _replay(tape, run, world)
            if _is_another(requests, world.requests):
                found.append((number, path))
    return found


def _replay(tape: Tape, run: Callable[[], Any], world: World) -> None:
    tape.play(world)
    try:
        with suppress(ListStopped, Unrecorded, Exception):
            run()
    finally:
        tape.world = None


def _is_another(before: list[str], after: list[str]) -> bool:
    """Return whether the last request is different; the requests before it are the same."""
    last = len(before) - 1
    return after[:last] == before[:last] and len(after) > last and after[last] != before[last]


def _value(tape: Tape, source: Source) -> Any:
    number, path = source
    return value_at(tape.entries[number].tree, path)


def _text_path(value: Any, path: Path) -> Path:
    return (*path, "#text") if is_element(value) else path


def _another(value: Any) -> Any:
    told = value.text if is_element(value) else value
    if isinstance(told, int) and not isinstance(told, bool):
        return told + 7
    return f"{told[:_LONG]}{_MARK}" if isinstance(told, str) else _MARK


def _quoted(tape: Tape) -> Source | None:
    """Return the field whose value is in the request, among fields that are not traced."""
    found = [one for one in _leaves(tape) if _is_in(_value(tape, one), tape.refused)]
    return max(found, key=lambda one: (len(_told(_value(tape, one))), -len(one[1])), default=None)


def _leaves(tape: Tape) -> Iterator[Source]:
    for number, entry in enumerate(tape.entries):
        yield from ((number, path) for path, _ in walk(entry.tree))


def _told(value: Any) -> str:
    told = value.text if is_element(value) else value
    return "" if told is GONE or isinstance(told, dict | list | bool) else str(told or "")


def _is_in(value: Any, request: str) -> bool:
    # A word without a digit may just as well be a fixed part of the path.
    told = repr(_told(value))[1:-1]
    has_digit = any(letter.isdecimal() for letter in told)
    return has_digit and re.search(rf"(?<!\w){re.escape(told)}(?!\w)", request) is not None
