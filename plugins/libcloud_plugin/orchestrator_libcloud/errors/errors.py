"""Translation of a Libcloud driver's error into one of our errors, by the tables of failures.

The provider's own code decides, then its sentence, then the HTTP status, then the class of the
exception. The sentence and the code are cleaned and put into the message.
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
from orchestrator_libcloud.errors.failures import INVALID, UNKNOWN
from orchestrator_libcloud.errors.meaning import meaning_of
from orchestrator_libcloud.errors.refusal import Refusal
from orchestrator_libcloud.http import tokens
from orchestrator_libcloud.http.exchange import Exchange, seconds_until
from orchestrator_libcloud.http.redaction import Redactor

_CODE: Final = "code "
_GONE: Final = 410
_CREATES: Final = frozenset({"POST", "PUT"})
_REFUSALS: Final = range(400, 500)


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a failure.

    Attributes:
        redact: the function that cleans the provider's text.
        starts: whether the call starts a node, so that a refusal may name one of its parameters.
        parameter: the parameter of another change, which a refusal may name: ``name``, ``size``.
    """

    redact: Redactor = field(default_factory=Redactor)
    starts: bool = True
    parameter: str | None = None


@contextmanager
def translated(
    cloud: str, exchange: Exchange | None = None, source: Source | None = None
) -> Iterator[None]:
    """Raise every error as one of our own errors.

    Args:
        cloud: the cloud's name in the settings; it starts the messages.
        exchange: the exchange, if it is known.
        source: the source of the failure.
    """
    exchange = exchange or Exchange()
    try:
        yield
    except OrchestratorError as error:
        _register(exchange)
        if exchange.final_error is None or error is exchange.final_error:
            raise _told(error, exchange) from error.__cause__
        # The transport ended the call: a thing that was not found may not have been looked for at
        # all.
        raise _told(exchange.final_error, exchange) from error
    except Exception as error:
        # The cause is only for the log, into which a cloud may have put our token.
        _register(exchange)
        found = exchange.final_error or _not_missing(error, cloud, exchange, source or Source())
        raise _told(found, exchange) from error
    if exchange.final_error is not None and not exchange.is_change:
        raise exchange.final_error  # the driver continued with a part of the answer


def _not_missing(
    error: Exception, cloud: str, exchange: Exchange, source: Source
) -> OrchestratorError:
    """Return our error, or a failure of the cloud if the error cannot mean that a thing is missing.

    :mod:`orchestrator_libcloud.changes.absence` handles missing nodes and images. This function
    gets the error of a list, or of a request for another thing. Only a refused start may still name
    the image or the size that is missing.
    """
    found = translate(error, cloud, None, exchange, source)
    is_start = exchange.has_begun_change and not isinstance(found, NodeNotFound)
    if not isinstance(found, NotFound) or is_start:
        return found
    _, said = meaning_of(error, None, exchange, starts=source.starts)
    detail = _detail(said, exchange, source)
    if source.starts and said is not None and _is_refused_creation(said, exchange):
        # The missing node is another one, such as that of a scheduler hint.
        return INVALID.error(f"Cloud {cloud} {INVALID.before}: {detail}")
    text = f"{UNKNOWN.text}: {detail}" if detail else UNKNOWN.text
    return CloudError(f"Cloud {cloud} {text}", repeat_is_safe=exchange.nothing_done)


def _is_refused_creation(said: Refusal, exchange: Exchange) -> bool:
    return said.method in _CREATES and exchange.status in _REFUSALS


def _register(exchange: Exchange) -> None:
    """Remove the tokens of the last request from the log, whatever their scheme."""
    tokens.register(exchange.tokens())


def _told(error: OrchestratorError, exchange: Exchange) -> OrchestratorError:
    """Return the error with the knowledge of whether a change was carried out."""
    if exchange.is_change and error.nothing_done is None:
        error.nothing_done = exchange.refused_whole
    return error


def says_missing(error: Exception, exchange: Exchange) -> bool:
    """Return whether an error may mean that the requested thing does not exist."""
    found = translate(error, "", NodeNotFound(""), exchange)
    return exchange.status == _GONE or isinstance(found, NotFound)


def translate(
    error: Exception,
    cloud: str,
    missing: NotFound | None = None,
    exchange: Exchange | None = None,
    source: Source | None = None,
) -> OrchestratorError:
    """Return our error for an error that came out of Libcloud.

    Args:
        error: Libcloud's error.
        cloud: the cloud's name, as in :func:`translated`.
        missing: the error to return if the requested thing does not exist.
        exchange: the exchange, if it is known.
        source: the source of the failure.
    """
    exchange, source = exchange or Exchange(), source or Source()
    meaning, said = meaning_of(
        error, missing, exchange, starts=source.starts, parameter=source.parameter
    )
    if meaning is None:
        assert missing is not None
        return missing
    if missing is not None and issubclass(meaning.error, type(missing)):
        return missing
    detail = _detail(said, exchange, source)
    text = f"{meaning.before or meaning.text}: {detail}" if detail else meaning.text
    if meaning.field is not None:
        return InvalidParameter(meaning.field, text)
    message = f"Cloud {cloud} {text}"
    if issubclass(meaning.error, CloudError):
        return meaning.error(
            message,
            retry_after=exchange.retry_after or _retry_after(error),
            transient=meaning.transient,
            repeat_is_safe=exchange.nothing_done,
        )
    return meaning.error(message)


def _detail(said: Refusal | None, exchange: Exchange, source: Source) -> str:
    """Return the provider's sentence, cleaned, with its code in parentheses after it."""
    if said is None:
        return ""
    secrets, hosts = exchange.carried()
    sentence = source.redact(said.sentence, secrets, hosts)
    code = f"HTTP {exchange.error.status}" if exchange.error is not None else ""
    if said.code:  # a number alone means nothing to the reader
        code = source.redact(f"{_CODE}{said.code}", secrets, hosts).removeprefix(_CODE)
    return f"{sentence} ({code})" if sentence and code and code != sentence else sentence or code


def _retry_after(error: Exception) -> float | None:
    headers: Any = getattr(error, "headers", None) or {}
    return seconds_until(getattr(error, "retry_after", None) or headers.get("retry-after"))
