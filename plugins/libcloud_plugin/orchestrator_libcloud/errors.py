"""Turns what a Libcloud driver raised into one of our errors, by the tables of failures."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from orchestrator_core import (
    CloudError,
    InvalidParameter,
    NodeNotFound,
    NotFound,
    OrchestratorError,
)
from orchestrator_libcloud.failures import (
    ANOTHER_FAULT,
    BY_CAUSE,
    BY_CLASS,
    BY_CLASS_AT_LAST,
    BY_CODE,
    BY_LIBVIRT_CODE,
    BY_PHRASE,
    BY_STATUS,
    HIDES_CAUSE,
    IS_NONSENSE,
    NO_SUCH_HOST,
    SPEAKS_FOR_ITSELF,
    UNKNOWN,
    Meaning,
)
from orchestrator_libcloud.trail import Trail, seconds_until
from orchestrator_libcloud.vsphere_faults import BY_VSPHERE_FAULT

_NOT_FOUND: Final = 404
_GONE: Final = 410
_FAULTS: Final = range(500, 600)
_NOBODY: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_CODE: Final = re.compile(r"\s*([A-Za-z]\w*(?:\.\w+)*): ")
_STATUS_FIRST: Final = re.compile(r"\s*([45]\d\d)\b")
_OWN_WORDS: Final = ("libcloud.", "builtins.Exception", "builtins.ValueError")
"""Whose text is the provider's; that of the others is about connections, and names them."""


@contextmanager
def translated(cloud: str, trail: Trail | None = None) -> Iterator[None]:
    """Let nothing out but our own errors.

    Args:
        cloud: the cloud's name in the settings; begins the messages.
        trail: what was sent and answered, where that is known.
    """
    trail = trail or Trail()
    try:
        yield
    except OrchestratorError as error:
        if trail.verdict is None or error is trail.verdict:
            raise _told(error, trail) from error.__cause__
        # What was not found may only not have been looked at.
        raise _told(trail.verdict, trail) from error
    except Exception as error:
        # The cause is for the log alone.
        found = trail.verdict or _not_missing(translate(error, cloud, None, trail), cloud, trail)
        raise _told(found, trail) from error
    if trail.verdict is not None and not trail.is_change:
        raise trail.verdict  # the driver made do with a part of the answer


def _not_missing(error: OrchestratorError, cloud: str, trail: Trail) -> OrchestratorError:
    """Return the error, or that the cloud failed, where it cannot say that a thing is missing.

    Nodes that are gone, and images, are told by :mod:`orchestrator_libcloud.absence`. What comes
    here is the error of a list, or of something else than what was asked for: only a start that
    was refused may still name the image or the size that it lacks.
    """
    is_start = trail.has_begun_change and not isinstance(error, NodeNotFound)
    if isinstance(error, NotFound) and not is_start:
        return CloudError(f"Cloud {cloud} {UNKNOWN.text}", repeat_is_safe=trail.nothing_done)
    return error


def _told(error: OrchestratorError, trail: Trail) -> OrchestratorError:
    """Return the error with what is known of whether a change was carried out."""
    if trail.is_change and error.nothing_done is None:
        error.nothing_done = trail.refused_whole
    return error


def says_missing(error: Exception, trail: Trail) -> bool:
    """Return whether an error may mean that the thing asked for is not there."""
    found = translate(error, "", NodeNotFound(""), trail)
    return trail.status == _GONE or isinstance(found, NotFound)


def translate(
    error: Exception, cloud: str, missing: NotFound | None = None, trail: Trail | None = None
) -> OrchestratorError:
    """Return our error for one that came out of Libcloud. Arguments as above."""
    trail = trail or Trail()
    meaning = _meaning(error, missing, trail)
    if meaning is None:
        assert missing is not None
        return missing
    if missing is not None and issubclass(meaning.error, type(missing)):
        return missing
    if meaning.field is not None:
        return InvalidParameter(meaning.field, meaning.text)
    message = f"Cloud {cloud} {meaning.text}"
    if issubclass(meaning.error, CloudError):
        return meaning.error(
            message,
            retry_after=trail.retry_after or _retry_after(error),
            transient=meaning.transient,
            repeat_is_safe=trail.nothing_done,
        )
    return meaning.error(message)


def _meaning(error: Exception, missing: NotFound | None, trail: Trail) -> Meaning | None:
    """Return what an error means; None for "what was asked for is not there"."""
    if _names(error)[0] == "libvirt.libvirtError":
        return BY_LIBVIRT_CODE.get(error.get_error_code(), UNKNOWN)  # type: ignore[attr-defined]
    found = _by_class(error, BY_VSPHERE_FAULT) or _by_class(error, BY_CLASS)
    if found is IS_NONSENSE:
        # An answer that cannot be parsed says less than the status that came with it.
        return _clear(trail.status) or found
    if found is not None:
        return (_by_cause(error) if found in HIDES_CAUSE else None) or found
    words = _words(error)
    status = _status(error, words) or trail.status
    by_words = _by_words(words, status)
    if by_words is not None:
        return by_words
    if status == _NOT_FOUND and missing is not None:
        return None
    return _by_status(status) or _by_class(error, BY_CLASS_AT_LAST) or UNKNOWN


def _by_status(status: int | None) -> Meaning | None:
    if status is None:
        return None
    return BY_STATUS.get(status) or (ANOTHER_FAULT if status in _FAULTS else None)


def _clear(status: int | None) -> Meaning | None:
    """Return what a status means that needs no text to go with it."""
    is_clear = status is not None and (status in SPEAKS_FOR_ITSELF or status in _FAULTS)
    return _by_status(status) if is_clear else None


def _by_cause(error: Exception) -> Meaning | None:
    """Return what lies inside of an error: requests wraps those of urllib3 and sockets."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) and cause.errno in _NOBODY for cause in causes):
        return NO_SUCH_HOST
    found = (_by_class(cause, BY_CAUSE) for cause in causes)
    return next((meaning for meaning in found if meaning is not None), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        reason = getattr(cause, "reason", None)
        waiting += [cause.__context__, cause.__cause__, reason, *cause.args]


def _names(error: BaseException) -> list[str]:
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__]


def _by_class(error: BaseException, table: Mapping[str, Meaning]) -> Meaning | None:
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


def _by_words(words: str, status: int | None) -> Meaning | None:
    code = _CODE.match(words)
    if code is not None and code[1] in BY_CODE:
        return BY_CODE[code[1]]
    if status in SPEAKS_FOR_ITSELF:
        return _by_status(status)
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
    return seconds_until(getattr(error, "retry_after", None) or headers.get("retry-after"))
