"""Turns what a Libcloud driver raised into one of our errors, by the tables of failures.

The provider's own code decides, then what its sentence says, then the HTTP status, then the class
of the exception. The sentence and the code go into the message when they have been cleaned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator_core import (
    CloudError,
    InvalidParameter,
    NodeNotFound,
    NotFound,
    OrchestratorError,
)
from orchestrator_libcloud.errors.failures import UNKNOWN
from orchestrator_libcloud.errors.meaning import meaning_of
from orchestrator_libcloud.errors.refusal import Refusal
from orchestrator_libcloud.http import tokens
from orchestrator_libcloud.http.exchange import Trail, seconds_until
from orchestrator_libcloud.http.redaction import Redactor

_CODE: Final = "code "
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Source:
    """Where a failure comes from.

    Attributes:
        redact: cleans what the provider says.
        starts: whether the call starts a node, so that a refusal may name one of its parameters.
    """

    redact: Redactor = field(default_factory=Redactor)
    starts: bool = True


@contextmanager
def translated(
    cloud: str, trail: Trail | None = None, source: Source | None = None
) -> Iterator[None]:
    """Let nothing out but our own errors.

    Args:
        cloud: the cloud's name in the settings; begins the messages.
        trail: what was sent and answered, where that is known.
        source: how to clean what the provider says, and what the call is for.
    """
    trail = trail or Trail()
    try:
        yield
    except OrchestratorError as error:
        _register(trail)
        if trail.verdict is None or error is trail.verdict:
            raise _told(error, trail) from error.__cause__
        # What was not found may only not have been looked at.
        raise _told(trail.verdict, trail) from error
    except Exception as error:
        # The cause is for the log alone, which a cloud may have put our token into.
        _register(trail)
        found = trail.verdict or _not_missing(error, cloud, trail, source or Source())
        raise _told(found, trail) from error
    if trail.verdict is not None and not trail.is_change:
        raise trail.verdict  # the driver made do with a part of the answer


def _not_missing(error: Exception, cloud: str, trail: Trail, source: Source) -> OrchestratorError:
    """Return our error, or that the cloud failed, where it cannot say that a thing is missing.

    Nodes that are gone, and images, are told by :mod:`orchestrator_libcloud.changes.absence`.
    What comes here is the error of a list, or of something else than what was asked for: only a
    start that was refused may still name the image or the size that it lacks.
    """
    found = translate(error, cloud, None, trail, source)
    is_start = trail.has_begun_change and not isinstance(found, NodeNotFound)
    if not isinstance(found, NotFound) or is_start:
        return found
    _, said = meaning_of(error, None, trail, starts=source.starts)
    detail = _detail(said, trail, source)
    text = f"{UNKNOWN.text}: {detail}" if detail else UNKNOWN.text
    return CloudError(f"Cloud {cloud} {text}", repeat_is_safe=trail.nothing_done)


def _register(trail: Trail) -> None:
    """Have the tokens removed from the log that the last request carried, whatever its scheme."""
    tokens.register(trail.tokens())


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
    error: Exception,
    cloud: str,
    missing: NotFound | None = None,
    trail: Trail | None = None,
    source: Source | None = None,
) -> OrchestratorError:
    """Return our error for one that came out of Libcloud.

    Args:
        error: what Libcloud raised.
        cloud: as for :func:`translated`, and so are ``trail`` and ``source``.
        missing: what to return when the error says that what was asked for is not there.
        trail: what was sent and answered, where that is known.
        source: how to clean what the provider says, and what the call is for.
    """
    trail, source = trail or Trail(), source or Source()
    meaning, said = meaning_of(error, missing, trail, starts=source.starts)
    if meaning is None:
        assert missing is not None
        return missing
    if missing is not None and issubclass(meaning.error, type(missing)):
        return missing
    detail = _detail(said, trail, source)
    text = f"{meaning.before or meaning.text}: {detail}" if detail else meaning.text
    if meaning.field is not None:
        return InvalidParameter(meaning.field, text)
    message = f"Cloud {cloud} {text}"
    if issubclass(meaning.error, CloudError):
        return meaning.error(
            message,
            retry_after=trail.retry_after or _retry_after(error),
            transient=meaning.transient,
            repeat_is_safe=trail.nothing_done,
        )
    return meaning.error(message)


def _detail(said: Refusal | None, trail: Trail, source: Source) -> str:
    """Return the provider's sentence, cleaned, with its code in parentheses after it."""
    if said is None:
        return ""
    secrets, hosts = trail.carried()
    sentence = source.redact(said.sentence, secrets, hosts)
    code = f"HTTP {trail.error.status}" if trail.error is not None else ""
    if said.code:  # a number alone is not worth reading
        code = source.redact(f"{_CODE}{said.code}", secrets, hosts).removeprefix(_CODE)
    return f"{sentence} ({code})" if sentence and code and code != sentence else sentence or code


def _retry_after(error: Exception) -> float | None:
    headers: Any = getattr(error, "headers", None) or {}
    return seconds_until(getattr(error, "retry_after", None) or headers.get("retry-after"))
