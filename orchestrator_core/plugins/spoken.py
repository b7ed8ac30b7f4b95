"""The messages of plugins to callers, without secrets and inner addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Final, TypeVar

import structlog

from orchestrator_core.errors import Forbidden, InvalidParameter, OrchestratorError
from orchestrator_core.redaction import Endpoint, hide_addresses, redact, texts

E = TypeVar("E", bound=OrchestratorError)

_log = structlog.get_logger(__name__)

CLEANED: Final = "message cleaned"
"""The log line for a message from which something was removed."""

LONGEST: Final = 2000
"""The most characters of a message that are passed on."""

_MOST_READ: Final = 16_384
"""The most characters of a message that are checked: a plugin may include a whole answer."""


class Spoken:
    """A filter for the messages of one plugin object.

    Args:
        title: the name for the log, for example ``Cloud aws``.
        endpoint: the address of the plugin's cloud.
    """

    def __init__(self, title: str, endpoint: Endpoint) -> None:
        self._title = title
        self._endpoint = endpoint

    def clean(self, error: E, hook: str, arguments: Mapping[str, Any]) -> E:
        """Return a plugin's error with a message that can be shown.

        The message of a denial is meant for the caller, so addresses are not removed from it.

        Args:
            error: the raised error; it is modified.
            hook: the hook that raised the error.
            arguments: the arguments of the hook; an address in them came from the caller and stays
                visible.
        """
        known = frozenset(text for one in arguments.values() for text in _texts_of(one))
        hides = not isinstance(error, Forbidden)
        message = self._text(str(error.message), known, hides=hides)
        self._tell(hook, str(error.message), message)
        if isinstance(error, InvalidParameter):
            error.field = self._text(str(error.field), known, hides=hides)
            error.reason = self._text(str(error.reason), known, hides=hides)
        error.message = message
        error.args = (message,)
        return error

    def reason(self, text: str, hook: str) -> str:
        """Return a plugin's sentence in a form that can be shown."""
        shown = self._text(text, frozenset(), hides=True)
        self._tell(hook, text, shown)
        return shown

    def result(self, text: str, hook: str) -> str:
        """Return a backend's message of success; it is not shortened, being part of an answer."""
        shown = redact(text)
        self._tell(hook, text, shown)
        return shown

    def _tell(self, hook: str, was: str, shown: str) -> None:
        """Log the original message for operators, who may need the address.

        The log itself removes secrets.
        """
        if shown != was:
            _log.info(CLEANED, of=self._title, hook=hook, was=was[:_MOST_READ])

    def _text(self, text: str, known: frozenset[str], *, hides: bool) -> str:
        if len(text) > _MOST_READ:
            text = f"{text[:_MOST_READ]}…"
        text = redact(text)
        if hides:
            text = hide_addresses(text, self._endpoint, known)
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _texts_of(value: Any) -> list[str]:
    """Return the texts in an argument of a hook."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    return [text for _, text in texts(value)]
