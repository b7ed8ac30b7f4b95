"""HTTP client of one Cistern server, which sends requests and returns complete answers."""

from __future__ import annotations

import json
import os
import re
import ssl
import threading
from collections.abc import Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx2

from orchestrator_cistern.answers import Answer
from orchestrator_cistern.failures import StaleConnection, translate
from orchestrator_cistern.network import BoundedTransport, Exchange
from orchestrator_core import CredentialsRefused, Deadline, InvalidAnswer, Secret, trace_headers

MAX_ANSWER: Final = 32 * 1024 * 1024
"""Largest answer in bytes; enough for about 150,000 VMs."""


_SECONDS: Final = re.compile("[0-9]{1,5}")


class CisternClient:
    """A pool of connections, created at first use and again in a forked process.

    Args:
        title: the backend's title, for example ``Backend brain``; it starts every message.
        settings: the settings, loaded by :class:`~orchestrator_cistern.settings.CisternSettings`.
    """

    def __init__(self, title: str, settings: dict[str, Any]) -> None:
        self._title = title
        self._base = settings["url"].rstrip("/")
        self._token: Secret | None = settings["token"]
        self._timeout: float = settings["timeout"]
        self._connections: int = settings["connections"]
        self._ca_file: Path | None = settings["ca_file"]
        self._lock = threading.Lock()
        self._http: httpx2.Client | None = None
        self._process = 0

    def read(self, path: Sequence[str], body: dict[str, Any] | None, deadline: Deadline) -> Answer:
        """Send a GET request; send it a second time if a kept connection turns out to be closed.

        Raises:
            CloudBusy, CloudTimeout, CloudUnreachable, CredentialsRefused, InvalidAnswer: there is
                no complete answer.
        """
        try:
            return self._exchange("GET", path, body, deadline, change=False)
        except StaleConnection:
            return self._exchange("GET", path, body, deadline, change=False)

    def change(
        self, method: str, path: Sequence[str], body: dict[str, Any], deadline: Deadline
    ) -> Answer:
        """Send a request for a change, exactly once. Raises the errors of :meth:`read`."""
        return self._exchange(method, path, body, deadline, change=True)

    def close(self) -> None:
        """Close the connections; a later request would open new ones."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def _exchange(
        self,
        method: str,
        path: Sequence[str],
        body: dict[str, Any] | None,
        deadline: Deadline,
        *,
        change: bool,
    ) -> Answer:
        exchange = Exchange(deadline)
        url = "/".join((self._base, *(quote(segment, safe="") for segment in path)))
        content = None if body is None else json.dumps(body).encode()
        headers = self._headers(content)
        wait = httpx2.Timeout(self._timeout, pool=deadline.remaining())
        try:
            with (
                exchange.current(),
                self._client().stream(
                    method, url, content=content, headers=headers, timeout=wait
                ) as response,
            ):
                whole = self._whole_body(response)
                return Answer(response.status_code, whole, _retry_after(response))
        except httpx2.TransportError as error:
            raise translate(
                error, exchange, self._title, timeout=self._timeout, change=change
            ) from None

    def _whole_body(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MAX_ANSWER:
                raise InvalidAnswer(f"{self._title} returned an answer of more than 32 MiB")
        return bytes(body)

    def _headers(self, content: bytes | None) -> dict[str, str]:
        headers = trace_headers()
        headers |= {"Accept": "application/json", "Accept-Encoding": "identity"}
        headers["User-Agent"] = "vm-orchestrator-cistern"
        if content is not None:
            headers["Content-Type"] = "application/json"
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._reveal(self._token)}"
        return headers

    def _reveal(self, token: Secret) -> str:
        try:
            value = token.reveal()
        except ValueError:
            raise CredentialsRefused(f"{self._title} has a token that cannot be read") from None
        if not (value.isascii() and value.isprintable()):
            raise CredentialsRefused(
                f"{self._title} has a token that an HTTP header cannot contain"
            )
        return value

    def _client(self) -> httpx2.Client:
        with self._lock:
            if self._http is None or self._process != os.getpid():
                self._http = self._make()
                self._process = os.getpid()
            return self._http

    def _make(self) -> httpx2.Client:
        secure = self._base.lower().startswith("https:")
        context = ssl.create_default_context(cafile=self._ca_file) if secure else None
        return httpx2.Client(
            transport=BoundedTransport(context, self._connections),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )


def _retry_after(response: httpx2.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if _SECONDS.fullmatch(value) else None
