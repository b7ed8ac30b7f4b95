"""A client of version 1 that holds every error to the document."""

from __future__ import annotations

import ssl
from typing import Any, Final

import httpx2

Json = dict[str, Any]

PROBLEM_KEYS: Final = {
    "status",
    "status_code",
    "status_short_message",
    "status_long_message",
    "message",
}
"""What every error of version 1 has."""

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
        """The word for programs; empty where there is none."""
        return str(self.json.get("error_code", ""))

    @property
    def message(self) -> str:
        """What an error says to people; empty where there is none."""
        return str(self.json.get("message", ""))


class Api:
    """Version 1 of one running server; safe to use from several threads.

    Args:
        url: ``http://127.0.0.1:PORT``.

    Attributes:
        answers: the text of every answer that came.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[str] = []
        # No proxy of the environment stands before loopback, and no authority vouches for it:
        # to read them all takes 70 ms.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx2.Client(
            base_url=f"{url}/api/v1", timeout=_PATIENCE, verify=plain, trust_env=False
        )

    def get(self, path: str, **headers: str) -> Answer:
        """Send a GET; ``path`` begins after ``/api/v1``."""
        return self.send("GET", path, None, **headers)

    def post(self, path: str, body: Json, **headers: str) -> Answer:
        """Send a POST with a JSON body."""
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Json, **headers: str) -> Answer:
        """Send a PUT with a JSON body."""
        return self.send("PUT", path, body, **headers)

    def send(self, method: str, path: str, body: Json | None, **headers: str) -> Answer:
        """Send any request; an underscore in a header's name stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self._http.request(method, path, json=body, headers=named)
        self.answers.append(response.text)
        answer = Answer(f"{method} {path}", response)
        if answer.status >= 400:  # noqa: PLR2004 - from here on it is an error
            assert answer.json.keys() >= PROBLEM_KEYS, f"an error without its five keys: {answer}"
            assert answer.json["status"] == "error", answer
        return answer

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()
