"""HTTP client of the demo; the core has no other client, and needs none."""

from __future__ import annotations

import http.client
import json
import shlex
from typing import Any, Final
from urllib.parse import urlsplit

_PATIENCE: Final = 30.0


class Client:
    """A client of one server. Each request has a connection of its own.

    Args:
        url: the server's URL, without a path.
        timeout: seconds for one answer.
    """

    def __init__(self, url: str, timeout: float = _PATIENCE) -> None:
        self._url = url
        self._timeout = timeout
        self._address = urlsplit(url).netloc

    def get(self, path: str) -> dict[str, Any]:
        """Return the body of an answer, which is JSON."""
        _, body = self.send("GET", path)
        return body

    def send(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Send a request; return the status and the body of the answer, which is JSON.

        Args:
            method: the method.
            path: the path with its query.
            body: the JSON to send.
            key: the Idempotency-Key.

        Raises:
            OSError, HTTPException: There was no answer.
        """
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def command(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> str:
        """Return the same request as a command of curl."""
        words = ["curl", "-s"]
        if method != "GET":
            words += ["-X", method]
        if key is not None:
            words += ["-H", f"Idempotency-Key: {key}"]
        if body is not None:
            words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return shlex.join([*words, f"{self._url}{path}"])
