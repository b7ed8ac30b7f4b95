"""What plugins say to callers: their messages, without secrets and inner addresses."""

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
"""What the log says of a message out of which something was taken."""

LONGEST: Final = 2000
"""Characters of a message that are passed on."""

_MOST_READ: Final = 16_384
"""Characters of a message that are looked at: a plugin may put a whole answer into it."""


class Spoken:
    """Cleans what one plugin's object says.

    Args:
        title: ``Cloud aws`` say; for the log.
        endpoint: where its cloud is.
    """

    def __init__(self, title: str, endpoint: Endpoint) -> None:
        self._title = title
        self._endpoint = endpoint

    def clean(self, error: E, hook: str, arguments: Mapping[str, Any]) -> E:
        """Return an error of the plugin's with a message that can be shown.

        What a denial says is meant for the caller; an address in it is not taken out.

        Args:
            error: as it was raised; it is changed.
            hook: that raised it.
            arguments: of the hook. An address that the caller has sent is shown again.
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
        """Return a sentence of the plugin's own that can be shown."""
        shown = self._text(text, frozenset(), hides=True)
        self._tell(hook, text, shown)
        return shown

    def result(self, text: str, hook: str) -> str:
        """Return what a backend says of a success: whole, since it is part of an answer."""
        shown = redact(text)
        self._tell(hook, text, shown)
        return shown

    def _tell(self, hook: str, was: str, shown: str) -> None:
        """Tell an operator, who may need the address; the log itself leaves out secrets."""
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
