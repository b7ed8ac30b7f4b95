"""Turns what a Libcloud driver raised into one of our errors, by the tables of failures."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from orchestrator_core import CloudError, InvalidParameter, NotFound, OrchestratorError
from orchestrator_libcloud.failures import (
    BY_CLASS,
    BY_CLASS_AT_LAST,
    BY_CODE,
    BY_LIBVIRT_CODE,
    BY_PHRASE,
    BY_STATUS,
    UNKNOWN,
    Meaning,
)

_NOT_FOUND: Final = 404
_CODE: Final = re.compile(r"\s*([A-Za-z]\w*(?:\.\w+)*): ")
_STATUS_FIRST: Final = re.compile(r"\s*([45]\d\d)\b")
_OWN_WORDS: Final = ("libcloud.", "builtins.Exception", "builtins.ValueError")
"""Whose text is the provider's; that of the others is about connections, and names them."""


@contextmanager
def translated(cloud: str, missing: NotFound | None = None) -> Iterator[None]:
    """Let nothing out but our own errors.

    Args:
        cloud: the cloud's name in the settings; begins the messages.
        missing: what to raise when the cloud says that what was asked for is not there.
    """
    try:
        yield
    except OrchestratorError:
        raise
    except Exception as error:
        # The cause is for the log alone.
        raise translate(error, cloud, missing) from error


def translate(error: Exception, cloud: str, missing: NotFound | None = None) -> OrchestratorError:
    """Return our error for one that came out of Libcloud. Arguments as above."""
    meaning = _meaning(error, missing)
    if meaning is None:
        assert missing is not None
        return missing
    if missing is not None and issubclass(meaning.error, type(missing)):
        return missing
    if meaning.field is not None:
        return InvalidParameter(meaning.field, meaning.text)
    message = f"Cloud {cloud} {meaning.text}"
    if issubclass(meaning.error, CloudError):
        return meaning.error(message, retry_after=_retry_after(error))
    return meaning.error(message)


def _meaning(error: Exception, missing: NotFound | None) -> Meaning | None:
    """Return what an error means; None for "what was asked for is not there"."""
    if _names(error)[0] == "libvirt.libvirtError":
        return BY_LIBVIRT_CODE.get(error.get_error_code(), UNKNOWN)  # type: ignore[attr-defined]
    found = _by_class(error, BY_CLASS)
    if found is not None:
        return BY_CLASS["requests.exceptions.Timeout"] if _is_late(error) else found
    words = _words(error)
    by_words = _by_words(words)
    if by_words is not None:
        return by_words
    status = _status(error, words)
    if status == _NOT_FOUND and missing is not None:
        return None
    return BY_STATUS.get(status or 0) or _by_class(error, BY_CLASS_AT_LAST) or UNKNOWN


def _names(error: Exception) -> list[str]:
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__]


def _is_late(error: Exception) -> bool:
    # requests calls it a broken connection when the time runs out in the middle of an answer.
    inner = [type(argument).__name__ for argument in error.args]
    return "ReadTimeoutError" in inner or "ConnectTimeoutError" in inner


def _by_class(error: Exception, table: Mapping[str, Meaning]) -> Meaning | None:
    return next((table[name] for name in _names(error) if name in table), None)


def _words(error: Exception) -> str:
    if not _names(error)[0].startswith(_OWN_WORDS):
        return ""
    # Not str(error): some drivers put a whole answer there, which is no text and fails.
    found = getattr(error, "value", None) or getattr(error, "message", None) or error.args
    return found if isinstance(found, str) else " ".join(map(str, _flat(found)))


def _flat(value: Any) -> Iterator[Any]:
    parts = value.values() if isinstance(value, Mapping) else value
    if not isinstance(parts, Iterable) or isinstance(parts, str):
        yield parts
        return
    for part in parts:
        yield from _flat(part)


def _by_words(words: str) -> Meaning | None:
    code = _CODE.match(words)
    if code is not None and code[1] in BY_CODE:
        return BY_CODE[code[1]]
    return next((meaning for pattern, meaning in BY_PHRASE if pattern.search(words)), None)


def _status(error: Exception, words: str) -> int | None:
    for name in ("code", "http_code", "status"):
        value = getattr(error, name, None)
        if isinstance(value, int | str) and str(value).isdecimal():
            return int(value)
    found = _STATUS_FIRST.match(words)
    return int(found[1]) if found else None


def _retry_after(error: Exception) -> float | None:
    headers: Any = getattr(error, "headers", None) or {}
    value = getattr(error, "retry_after", None) or headers.get("retry-after")
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
