"""A client of the API that checks the form of every error."""

from __future__ import annotations

import ssl
from typing import Any, Final

import httpx2

Json = dict[str, Any]

V2: Final = "/api/v2"
"""The beginning of paths of version 2; other paths are those of version 1."""

PROBLEM_KEYS: Final = {
    "status",
    "status_code",
    "status_short_message",
    "status_long_message",
    "message",
}
"""The keys of every error of version 1."""

_PROBLEM_KEYS_OF_V2: Final = {"type", "title", "status", "detail", "error_code", "advice"}

_PATIENCE: Final = 60.0


class Answer:
    """One answer: ``status``, its ``json``, its ``text`` and its ``headers``."""

    def __init__(self, request: str, response: httpx2.Response) -> None:
        self.request = request
        self.status = response.status_code
        self.text = response.text
        self.headers = response.headers
        self.json: Json = response.json()

    def __repr__(self) -> str:
        return f"{self.request} answered {self.status}: {self.text[:500]}"

    @property
    def error_code(self) -> str:
        """The ``error_code`` of an error; empty if the answer has none."""
        return str(self.json.get("error_code", ""))

    @property
    def message(self) -> str:
        """The ``message`` of an error, in version 2 its ``detail``; empty if it has none."""
        return str(self.json.get("message", self.json.get("detail", "")))


class Api:
    """The API of one running server; safe to use from several threads.

    Paths begin after ``/api/v1``; a path that begins with ``/api/v2`` is one of version 2.

    Args:
        url: The server's address, ``http://127.0.0.1:PORT``.

    Attributes:
        answers: The text of every answer so far.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[str] = []
        # Loopback needs neither the proxies nor the certificates of the environment, and loading
        # the certificates takes 70 ms.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx2.Client(base_url=url, timeout=_PATIENCE, verify=plain, trust_env=False)

    def get(self, path: str, **headers: str) -> Answer:
        """Send a GET."""
        return self.send("GET", path, None, **headers)

    def get_version_2(self, path: str) -> Answer:
        """Send a GET to version 2; ``path`` begins after ``/api/v2``."""
        response = self._http.get(f"{self.url}/api/v2{path}")
        self.answers.append(response.text)
        return Answer(f"GET /api/v2{path}", response)

    def post(self, path: str, body: Json, **headers: str) -> Answer:
        """Send a POST with a JSON body."""
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Json, **headers: str) -> Answer:
        """Send a PUT with a JSON body."""
        return self.send("PUT", path, body, **headers)

    def send(self, method: str, path: str, body: Json | None, **headers: str) -> Answer:
        """Send a request; an underscore in a header's name becomes a hyphen.

        Raises:
            AssertionError: An error lacks one of the keys that its version promises.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        target = path if path.startswith("/api/") else f"/api/v1{path}"
        response = self._http.request(method, target, json=body, headers=named)
        self.answers.append(response.text)
        answer = Answer(f"{method} {path}", response)
        if answer.status >= 400:  # noqa: PLR2004 - the first status of an error
            is_v2 = path.startswith(V2)
            wanted = _PROBLEM_KEYS_OF_V2 if is_v2 else PROBLEM_KEYS
            assert answer.json.keys() >= wanted, f"an error lacks one of its keys: {answer}"
            assert answer.json["status"] == (answer.status if is_v2 else "error"), answer
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
