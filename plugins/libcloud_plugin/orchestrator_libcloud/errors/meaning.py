"""Meaning of a Libcloud error: by code, sentence, status and class, in this order."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import Element

from orchestrator_core import CloudError, CredentialsRefused, NotFound, QuotaExceeded, RateLimited
from orchestrator_libcloud.errors import provider_codes, provider_phrases, refusal, start_fields
from orchestrator_libcloud.errors.failures import (
    ANOTHER_FAULT,
    BY_CAUSE,
    BY_CLASS,
    BY_CLASS_AT_LAST,
    BY_FIELD,
    BY_LIBVIRT_CODE,
    BY_STATUS,
    HIDES_CAUSE,
    INVALID,
    NO_SUCH_HOST,
    NO_THING,
    NOT_ALLOWED,
    SAYS_LESS_THAN_ANSWER,
    SPEAKS_FOR_ITSELF,
    UNKNOWN,
    Meaning,
)
from orchestrator_libcloud.errors.refusal import Refusal
from orchestrator_libcloud.errors.vsphere_faults import BY_VSPHERE_FAULT
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.patterns import Pattern

_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_FIRST_ERROR: Final = 400
_OF_CREATION: Final = {404: NO_THING, 409: INVALID, 412: INVALID}
_CREATES: Final = frozenset({"POST", "PUT"})
_TOO_MANY: Final = 429
_LONGEST_READ: Final = 2000
"""Number of characters of a sentence that are searched for its meaning."""

_FAULTS: Final = range(500, 600)
_NO_HOST: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_STATUS_FIRST: Final = Pattern(r"\s*([45]\d\d)\b")
_OWN_WORDS: Final = ("libcloud.", "builtins.Exception", "builtins.ValueError")
"""Classes whose text is the provider's; the text of other classes is about connections."""

_PYTHON: Final = frozenset({"builtins.ValueError"})
"""Classes whose text may be Python's own, so that it decides nothing and is not shown."""

_NOT_OF_CREDENTIALS: Final = frozenset({402, 409, 412, 422, 423, 424, 429, *range(500, 512)})
"""Statuses for which a code that means "not allowed" is not believed."""

_OWN_FAULTS: Final = range(500, 512)
"""HTTP statuses of a server's own failure; CloudStack's own start at 530 and mean many kinds."""


Found = tuple[Meaning | None, Refusal | None]
"""The meaning of an error (None for "the requested thing does not exist"), and the provider's text.
"""


def meaning_of(
    error: Exception,
    missing: NotFound | None,
    exchange: Exchange,
    *,
    starts: bool,
    parameter: str | None = None,
) -> Found:
    """Return the meaning of an error, and the provider's text about it.

    The meaning is None for "the requested thing does not exist".

    Args:
        error: Libcloud's error.
        missing: the error for a missing thing, if the requested thing may be missing.
        exchange: the exchange.
        starts: whether the call starts a node.
        parameter: the parameter of another change, which a refusal may name.
    """
    by_class = _of_connection(error)
    if by_class is not None:
        return by_class, refusal.of_library(error)
    words = _words(error)
    # Libcloud's "invalid credentials" claims to be a 401, whatever the cloud answered.
    own_status = None if _by_class(error, BY_CLASS) else _status(error, words)
    status = own_status or exchange.status
    said = _said(error, words, exchange, own_status)
    if said is None:
        return _unsaid(error, status, missing, exchange), None
    found = _by_refusal(said, status, starts=starts, parameter=parameter)
    if found is not None:
        return _fitting(found, starts=starts, parameter=parameter), said
    if status == _NOT_FOUND and missing is not None:
        return None, said
    return _by_status(status) or _unsaid(error, status, None, exchange), said


def _of_connection(error: Exception) -> Meaning | None:
    """Return the meaning of an error that the provider says nothing about."""
    if _names(error)[0] == "libvirt.libvirtError":
        return BY_LIBVIRT_CODE.get(error.get_error_code(), UNKNOWN)  # type: ignore[attr-defined]
    found = _by_class(error, BY_VSPHERE_FAULT) or _by_class(error, BY_CLASS)
    if found is None or found in SAYS_LESS_THAN_ANSWER:
        return None
    return (_by_cause(error) if found in HIDES_CAUSE else None) or found


def _said(error: Exception, words: str, exchange: Exchange, status: int | None) -> Refusal | None:
    """Return the provider's text: from its last answer, or as the driver quotes it."""
    if exchange.error is not None and status in (None, exchange.error.status):
        return refusal.of_answer(exchange.error)
    if (own := refusal.of_library(error)) is not None:
        return own
    if not words or _by_class(error, BY_CLASS) or _names(error)[0] in _PYTHON:
        return None
    return refusal.of_words(words, getattr(error, "code", None))


def _unsaid(
    error: Exception, status: int | None, missing: NotFound | None, exchange: Exchange
) -> Meaning | None:
    """Return the meaning of status and class; None for "does not exist" if it was requested."""
    by_class = _by_class(error, BY_CLASS)
    if by_class is not None:
        return _clear(exchange.status) or by_class
    if status == _NOT_FOUND and missing is not None:
        return None
    return _by_status(status) or _by_class(error, BY_CLASS_AT_LAST) or UNKNOWN


def _by_refusal(
    said: Refusal, status: int | None, *, starts: bool, parameter: str | None
) -> Meaning | None:
    """Return the meaning of a provider's own text; None if only the status has a meaning."""
    by_code = provider_codes.meaning_of(said.codes)
    if by_code is not None and _fits(by_code, status):
        return by_code
    if status in SPEAKS_FOR_ITSELF:
        return _by_status(status)
    words = said.sentence[:_LONGEST_READ]
    quoted, given = start_fields.quoted(words), start_fields.given(said)
    found = provider_phrases.telling(words)
    found = found or (_by_field(quoted) if starts or quoted == parameter else None)
    found = found or provider_phrases.limit(words)
    found = found or (_by_field(given, status) if starts or given == parameter else None)
    return found or provider_phrases.other(words) or _of_creation(said, status, starts=starts)


def _of_creation(said: Refusal, status: int | None, *, starts: bool) -> Meaning | None:
    """Return the meaning of a refused creation whose status says less than its sentence."""
    if status is None or status < _FIRST_ERROR:
        return INVALID if provider_codes.is_refusal(said.codes) else None
    if not starts or not said.method or not said.sentence:
        return None
    if status == _FORBIDDEN:
        # Nova also says this of requests that it refuses for every user.
        return NOT_ALLOWED if provider_phrases.speaks_of_permission(said.sentence) else INVALID
    # The node does not exist yet, so it cannot be in a wrong state.
    return _OF_CREATION.get(status) if said.method in _CREATES else None


def _fits(meaning: Meaning, status: int | None) -> bool:
    """Return whether a code's meaning is possible for an answer with this status.

    OUTSCALE uses AccessDenied for too many requests as well, and only the status tells them apart.
    """
    if status == _TOO_MANY:
        return issubclass(meaning.error, QuotaExceeded | RateLimited)
    if meaning.error is CredentialsRefused:
        return status not in _NOT_OF_CREDENTIALS
    # An error inside the provider says nothing about the request, whatever its code is called.
    is_fault = status in _OWN_FAULTS
    return not is_fault or issubclass(meaning.error, QuotaExceeded | CloudError)


def _by_field(ours: str | None, status: int | None = None) -> Meaning | None:
    is_about_it = status is None or _by_status(status) in (None, INVALID)
    return BY_FIELD.get(ours or "") if is_about_it else None


def _fitting(meaning: Meaning, *, starts: bool, parameter: str | None) -> Meaning:
    """Return a meaning without the parameter of a start if the call does not have it."""
    return meaning if starts or meaning.field in (None, parameter) else INVALID


def _by_status(status: int | None) -> Meaning | None:
    if status is None:
        return None
    return BY_STATUS.get(status) or (ANOTHER_FAULT if status in _FAULTS else None)


def _clear(status: int | None) -> Meaning | None:
    """Return the meaning of a status that needs no text beside it."""
    is_clear = status is not None and (status in SPEAKS_FOR_ITSELF or status in _FAULTS)
    return _by_status(status) if is_clear else None


def _by_cause(error: Exception) -> Meaning | None:
    """Return the meaning of the inner error: requests wraps those of urllib3 and sockets."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) and cause.errno in _NO_HOST for cause in causes):
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
    given = (getattr(error, name, None) for name in ("value", "message"))
    # Python is about to change the truth value of an XML element, which vCloud's driver puts there.
    found = next((one for one in given if isinstance(one, Element) or one), error.args)
    return found if isinstance(found, str) else " ".join(map(str, refusal.flat(found)))


def _status(error: Exception, words: str) -> int | None:
    for name in ("code", "http_code", "status"):
        value = getattr(error, name, None)
        if isinstance(value, int | str) and str(value).isdecimal():
            return int(value)
    found = _STATUS_FIRST.match(words)
    return int(found[1]) if found else None
