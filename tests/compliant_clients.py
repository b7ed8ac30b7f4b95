"""Clients that follow the documented rules, and what they observed.

A compliant client sends a request again, unchanged, in these cases only:

1. Its connection ended before the answer (a worker was killed). Reads are safe to repeat, and each
   change carries an Idempotency-Key (RFC 9110, 9.2.2; docs/explanation/exactly-once.md).
2. 409 ``idempotency_key_in_use``: its change is still under way.
3. 503 ``state_unavailable``, which has a Retry-After, and 503 ``superseded``, where the test takes
   the database away: a process without heartbeats counts as dead, and its work is taken over.

Each answer comes within a minute, also while the database is away
(docs/explanation/when-the-machine-fails.md).
A start that a killed worker had begun may fail as ``not_started``: nothing was started, and the
client begins a new one under a new key. Everything else is a failure.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from tests.loopback import DOCUMENTED

PATIENCE: Final = 60.0
"""Seconds for one answer: a silent database is given up after 45, and a new connection after 10."""

_PAUSE: Final = 0.1
_LONGEST: Final = 300.0
"""Seconds for which a client repeats one request."""

Excuse = Callable[[str, float], bool]
"""Returns whether the failure of a cloud, on a request that began at this time, is excused."""


@dataclass
class Tally:
    """The observations of all clients.

    Attributes:
        failures: violations.
        resets: connections that ended before their answer.
        waits: answers 503 ``state_unavailable`` or ``superseded``.
        not_started: starts that failed as ``not_started``.
        slowest: seconds of the slowest answer.
        started: the ids of the VMs of each successful start, by key.
        stopped: the ids of VMs whose deletion was accepted.
    """

    failures: list[str] = field(default_factory=list)
    requests: int = 0
    resets: int = 0
    waits: int = 0
    excused: int = 0
    not_started: int = 0
    slowest: float = 0.0
    started: dict[str, str] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {len(self.failures)} failures, {self.resets} resets, "
            f"{self.waits} waits for the database, {self.excused} excused, "
            f"{len(self.started)} starts, {self.not_started} not started, "
            f"{len(self.stopped)} stops, slowest answer {self.slowest:.1f} s"
        )


class Unavailable(Exception):
    """A request that has failed finally."""


class CompliantClient(threading.Thread):
    """A client that lists one cloud's nodes, and may start and stop VMs.

    Args:
        url: the server's URL.
        cloud: the cloud's name.
        tally: shared with the other clients.
        number: makes this client's keys unique.
        keeps: whether it keeps its connection; otherwise it makes one for each request.
        changes: whether it starts and stops VMs.
        is_excused: whether a failure is excused; never by default.
        may_wait: whether a request that began then may be answered that the database is away.
        tls: None for plain HTTP.
        headers: headers of each request.
    """

    def __init__(  # noqa: PLR0913 - keyword arguments
        self,
        url: str,
        cloud: str,
        tally: Tally,
        number: int,
        *,
        keeps: bool,
        changes: bool = True,
        is_excused: Excuse = lambda _cloud, _began: False,
        may_wait: Callable[[float], bool] = lambda _began: False,
        tls: ssl.SSLContext | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        limits = httpx2.Limits(max_keepalive_connections=4 if keeps else 0)
        self._http = httpx2.Client(
            base_url=f"{url}/api/v1",
            timeout=PATIENCE,
            verify=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            limits=limits,
            headers=headers,
        )
        self._cloud = cloud
        self._tally = tally
        self._number = number
        self._changes = changes
        self._is_excused = is_excused
        self._may_wait = may_wait
        self._end = threading.Event()
        self._luck = random.Random(number)

    def end(self) -> None:
        """Finish the current round; :meth:`join` waits for it."""
        self._end.set()

    def run(self) -> None:
        turn = 0
        while not self._end.is_set():
            turn += 1
            try:
                self._turn(f"{self._number}-{turn}")
            except Unavailable:
                self._end.wait(_PAUSE)
            except Exception as error:  # noqa: BLE001 - a dead client observes nothing
                self._tally.failures.append(f"client {self._number}: {error!r}")
            self._end.wait(self._luck.uniform(0.0, 0.1))
        self._http.close()

    def _turn(self, key: str) -> None:
        self._send("GET", f"/nodes/{self._cloud}", key)
        if not self._changes:
            return
        body = {"name": f"vm-{key}", "image": "1", "size": "1"}
        answer = self._send("POST", f"/vm/start/{self._cloud}", f"start-{key}", body)
        if answer is None:
            return
        node = answer["nodes"]["id"]
        self._tally.started[key] = node
        if self._luck.random() < 0.8:
            self._send("PUT", f"/vm/stop/{self._cloud}", f"stop-{key}", {"node": node})
            self._tally.stopped.add(node)

    def _send(
        self, method: str, path: str, key: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Return the answer of a request; None for a start that was not begun.

        Raises:
            Unavailable: The request has failed finally.
        """
        headers = {"Idempotency-Key": key} if body is not None else {}
        began, said = time.monotonic(), ""
        while time.monotonic() < began + _LONGEST:
            sent = time.monotonic()
            try:
                self._tally.requests += 1
                response = self._http.request(method, path, json=body, headers=headers)
            except httpx2.TransportError as error:
                said = repr(error)
                if isinstance(error, httpx2.TimeoutException):
                    break
                self._tally.resets += 1
                time.sleep(_PAUSE)
                continue
            self._tally.slowest = max(self._tally.slowest, time.monotonic() - sent)
            if response.status_code == 200:
                found: dict[str, Any] = response.json()
                return found
            said = f"{response.status_code} {response.text}"
            if not self._may_repeat(response, began):
                break
        self._fail(f"{method} {path} {key}: {said}", said, began)
        return None

    def _fail(self, told: str, said: str, began: float) -> None:
        if '"not_started"' in said:
            self._tally.not_started += 1
            return
        if self._is_excused(self._cloud, began):
            self._tally.excused += 1
        else:
            self._tally.failures.append(f"{time.monotonic() - began:.1f} s: {told}")
        raise Unavailable

    def _may_repeat(self, response: httpx2.Response, began: float) -> bool:
        code = response.json().get("error_code")
        assert code is None or code in DOCUMENTED, response.text
        if code == "idempotency_key_in_use":
            time.sleep(3 * _PAUSE)
            return True
        if code in ("state_unavailable", "superseded") and self._may_wait(began):
            assert code == "superseded" or "Retry-After" in response.headers, response.headers
            self._tally.waits += 1
            time.sleep(5 * _PAUSE)
            return True
        return False
