"""Requests that a cloud refused because they were made from an odd value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orchestrator_core import (
    CloudTimeout,
    CloudUnreachable,
    CredentialsRefused,
    InvalidAnswer,
    QuotaExceeded,
    RateLimited,
)
from orchestrator_libcloud.answers.item_places import field_name, label
from orchestrator_libcloud.errors.item_refusals import status_of
from orchestrator_libcloud.errors.meaning import meaning_of
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.nodes.odd_log import cloud_name
from orchestrator_libcloud.odd_items.answer_tape import Tape
from orchestrator_libcloud.odd_items.odd_sources import source_of

_STATUSES: Final = frozenset({400, 404, 405, 406, 410, 414, 422, 431})
_OTHERWISE: Final = (
    CloudTimeout,
    CloudUnreachable,
    CredentialsRefused,
    QuotaExceeded,
    RateLimited,
)
"""Errors that the provider's own code may assign to a refusal with such a status."""


def may_be_mismade(error: Exception) -> bool:
    """Return whether a request was refused for its content, and not for its sender or its rate."""
    from requests import RequestException  # noqa: PLC0415 - not loaded before a cloud is used

    if isinstance(error, RequestException) and isinstance(error, ValueError):
        return True  # an URL or a header that cannot be sent
    if _status(error) not in _STATUSES:
        return False
    meaning, _ = meaning_of(error, None, _exchange(), starts=False)
    return meaning is None or not issubclass(meaning.error, _OTHERWISE)


def _status(error: Exception) -> int | None:
    """Return the status of a refusal, even if the driver could not read it."""
    return status_of(error) or _exchange().status


def _exchange() -> Exchange:
    call = current()
    return Exchange() if call is None else call.exchange


def named_refusal(
    tape: Tape, run: Callable[[], Any], kind: str, error: Exception
) -> InvalidAnswer | None:
    """Return an error that names the item from which a refused request was made, if it is known.

    Args:
        tape: the answers of the call; the refused request is its last.
        run: makes the driver build its list from the tape.
        kind: the kind of things in the list.
        error: the refusal.
    """
    if not may_be_mismade(error) or (found := source_of(tape, run)) is None:
        return None
    number, path = found
    tree = tape.entries[number].tree
    return InvalidAnswer(
        f"{cloud_name()} gave {label(kind, tree, path)} with a field that leads to nothing: "
        f"{field_name(tree, path)} (its request {_answered(error)})"
    )


def _answered(error: Exception) -> str:
    status = _status(error)
    return "cannot be sent" if status is None else f"was answered with {status}"
