"""The exchange of one call: the requests and answers from which an error is made."""

from __future__ import annotations

import datetime as dt
import email.utils
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from orchestrator_core import CloudError
from orchestrator_libcloud.http.error_answer import ErrorAnswer
from orchestrator_libcloud.http.requests_sent import SentRequest, is_nothing_done, may_change
from orchestrator_libcloud.http.secret_names import is_secret_name
from orchestrator_libcloud.http.tokens import of_request

_SAYS_WHEN: Final = frozenset({403, 413, 429, 503})
_FIRST_ERROR: Final = 400
_SHORTEST_TOKEN: Final = 6
_AUTHORIZATION: Final = frozenset({"authorization", "proxy-authorization", "cookie", "signature"})


class Exchange:
    """Record of one call, which the transport writes and the translation of errors reads.

    Attributes:
        status: the HTTP status of the answer to the last request; None without an answer.
        retry_after: the seconds that this answer asks us to wait, if it does.
        error: the answer to the last request, if it is an error.
        request: the last request, as ``requests`` sent it; None if a driver has its own
            connections.
        final_error: the error with which the transport itself ended the call, whatever the driver
            raised.
        private: values in the body of a start that may contain secrets, such as user data. Clouds
            quote what they refuse.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.retry_after: float | None = None
        self.error: ErrorAnswer | None = None
        self.request: Any = None
        self.final_error: CloudError | None = None
        self.private: tuple[str, ...] = ()
        self._is_change = False
        self._has_begun = True
        self._sees_all = False
        self._is_aside = False
        self._requests: list[SentRequest] = []

    def prepare_change(self) -> None:
        """Record that this call will change something, and that so far it only looks things up."""
        self._is_change = True
        self._has_begun = False

    def begin_change(self, *, sees_all: bool = False) -> None:
        """Record that the next request may change something.

        Args:
            sees_all: whether every request of the driver is seen here, so that a request not seen
                was not sent.
        """
        self._has_begun = True
        self._sees_all = sees_all
        self._requests = []

    @property
    def is_change(self) -> bool:
        """Return whether the call changes something."""
        return self._is_change

    @property
    def has_begun_change(self) -> bool:
        """Return whether the call changes something and has finished its lookups."""
        return self._is_change and self._has_begun

    @property
    def nothing_done(self) -> bool:
        """Return whether it is certain that the cloud carried out nothing of the request.

        It is not certain if a driver has its own connections, which are not seen here.
        """
        return not self._has_begun or (
            bool(self._requests) and all(request.may_be_repeated for request in self._requests)
        )

    @property
    def refused_whole(self) -> bool | None:
        """Return whether nothing was done because every request of the change was itself refused.

        False if one of them was carried out, None if that is not known.
        """
        if not self._requests and self._sees_all:
            return True  # the driver itself refused the arguments
        return True if self.nothing_done else is_nothing_done(self._requests)

    @property
    def count_sent(self) -> int:
        """Return how many of the requests seen here were sent, at least in part."""
        return sum(request.is_sent for request in self._requests)

    @property
    def is_answered_well(self) -> bool:
        """Return whether the last request has an answer that is not an error."""
        return self.status is not None and self.status < _FIRST_ERROR

    @property
    def is_change_sent(self) -> bool:
        """Return whether a request of the change was accepted, or may have been sent unseen."""
        return not self._requests or any(request.is_accepted for request in self._requests)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Do not count the requests sent meanwhile: a login changes nothing by itself."""
        before, self._is_aside = self._is_aside, True
        try:
            yield
        finally:
            self._is_aside = before

    def begin_request(self, method: str = "POST", url: str = "", body: object = None) -> None:
        """Forget the last answer: a request starts, whose connection may not exist yet."""
        self.status = self.retry_after = self.error = None
        # For a read every request counts, to record whether anything was sent at all.
        changes = not self._is_change or may_change(method, url, body)
        self._requests.append(SentRequest(changes and not self._is_aside))

    def sent(self) -> None:
        """Record that the request is on its way, at least in part. Safe to repeat."""
        if self._requests:
            self._requests[-1].is_sent = True

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Record the answer's status and headers, whose names may be in any case."""
        self.status = status
        if self._requests:
            self._requests[-1].status = status
        if status in _SAYS_WHEN:
            self.retry_after = seconds_until(headers.get("Retry-After"))

    def keep_error(self, answer: ErrorAnswer) -> None:
        """Keep the answer to the last request, which is an error."""
        self.error = answer
        if self._requests:
            self._requests[-1].error = answer

    def carried(self) -> tuple[list[str], list[str]]:
        """Return the secrets that the last request carried, and the host to which it was sent.

        The redactor knows their usual encodings, such as Base64.
        """
        if self.request is None:
            return list(self.private), []
        url = urlsplit(self.request.url)
        pairs = [*self.request.headers.items(), *parse_qsl(url.query)]
        secrets = [
            str(value)
            for name, value in pairs
            if str(name).lower() in _AUTHORIZATION or is_secret_name(str(name))
        ]
        words = [word for secret in secrets for word in (secret, *secret.split()[1:])]
        hosts = [host for host in (url.hostname, url.netloc) if host]
        return [*self.private, *(word for word in words if len(word) >= _SHORTEST_TOKEN)], hosts

    def tokens(self) -> Iterator[str]:
        """Yield the tokens that the last request carried."""
        if self.request is not None:
            yield from of_request(self.request, is_last=True)

    def decide(self, final_error: CloudError) -> CloudError:
        """Keep the first reason why the transport ended the call; return it to be raised."""
        if self.final_error is None:
            self.final_error = final_error
        return self.final_error


def seconds_until(retry_after: object) -> float | None:
    """Return the seconds that a ``Retry-After`` asks to wait: a number of seconds or an HTTP date.

    None if the value is not valid, or is a moment in the past.
    """
    seconds = _number(retry_after)
    if seconds is None and isinstance(retry_after, str):
        seconds = _until(retry_after)
    return seconds if seconds is not None and math.isfinite(seconds) and seconds > 0 else None


def _number(value: object) -> float | None:
    if not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _until(date: str) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - dt.datetime.now(dt.UTC)).total_seconds()
