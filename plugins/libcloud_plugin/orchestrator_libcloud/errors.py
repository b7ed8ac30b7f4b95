"""Turns what a Libcloud driver raised into one of our errors, by the tables of failures.

The provider's own code decides, then what its sentence says, then the HTTP status, then the class
of the exception. The sentence and the code go into the message when they have been cleaned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator_core import CloudError, InvalidParameter, NotFound, OrchestratorError
from orchestrator_libcloud.meaning import meaning_of
from orchestrator_libcloud.redaction import Redactor
from orchestrator_libcloud.refusal import Refusal
from orchestrator_libcloud.trail import Trail, seconds_until

_CODE: Final = "code "


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
    cloud: str,
    missing: NotFound | None = None,
    trail: Trail | None = None,
    source: Source | None = None,
) -> Iterator[None]:
    """Let nothing out but our own errors.

    Args:
        cloud: the cloud's name in the settings; begins the messages.
        missing: what to raise when the cloud says that what was asked for is not there.
        trail: what was sent and answered, where that is known.
        source: how to clean what the provider says, and what the call is for.
    """
    trail = trail or Trail()
    try:
        yield
    except OrchestratorError as error:
        if trail.verdict is None or error is trail.verdict:
            raise
        # What was not found may only not have been looked at.
        raise trail.verdict from error
    except Exception as error:
        # The cause is for the log alone.
        raise (trail.verdict or translate(error, cloud, missing, trail, source)) from error
    if trail.verdict is not None and not trail.is_change:
        raise trail.verdict  # the driver made do with a part of the answer


def translate(
    error: Exception,
    cloud: str,
    missing: NotFound | None = None,
    trail: Trail | None = None,
    source: Source | None = None,
) -> OrchestratorError:
    """Return our error for one that came out of Libcloud. Arguments as above."""
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
