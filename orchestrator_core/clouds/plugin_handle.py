"""The handle of a plugin's object, which can be replaced by one with fresh credentials."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from orchestrator_core.errors import CloudUnavailable, OrchestratorError
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.settings.deadlines import CLOSE_SECONDS

T = TypeVar("T")

RENEWAL_SECONDS: Final = 10.0
"""Seconds between two reads of refused credentials at least."""

ACCEPTED_SECONDS: Final = 2.0
"""The same for credentials that the cloud has accepted: they may have been revoked since."""


class Compute(Protocol):
    """A function that runs blocking code in a thread, for at most the given seconds."""

    def __call__(self, job: Callable[[], T], seconds: float) -> Awaitable[T]: ...  # noqa: D102


class PluginHandle:
    """The handle of one plugin's object.

    Args:
        hooks: the hooks of the plugin; None when the plugin cannot be used.
        failure: the reason why the plugin cannot be used; shown to callers.
        make: a function that creates a new object and reads its secrets again; it blocks, and
            raises an OrchestratorError.

    Attributes:
        current: the hooks of the object in use.
    """

    def __init__(
        self, hooks: Hooks | None, failure: str = "", make: Callable[[], Hooks] | None = None
    ) -> None:
        self.failure = failure
        self.current = hooks
        self._make = make
        self._renewed_at = -math.inf
        self._is_accepted = False
        self._renewing = asyncio.Lock()
        self._tasks: set[asyncio.Future[Any]] = set()

    def hooks(self, title: str) -> Hooks:
        """Return the plugin's hooks.

        Raises:
            CloudUnavailable: when the plugin cannot be used.
        """
        if self.current is None:
            raise CloudUnavailable(f"{title} is not available: {self.failure}")
        return self.current

    def accepted(self, hooks: Hooks) -> None:
        """Record that the cloud accepted an object's credentials.

        A later refusal is a new one, so the credentials may be renewed soon. A wrong password is
        not tried more often, because the cloud never accepts it.
        """
        if hooks is self.current:
            self._is_accepted = True

    async def renew(self, refused: Hooks, compute: Compute, seconds: float) -> bool:
        """Replace an object whose credentials were refused; return whether there is a new one now.

        The old object is closed; the calls that it still serves continue.

        Raises:
            OrchestratorError: when no new object can be created.
        """
        async with self._renewing:
            if self.current is not refused:
                return True  # Another call has renewed the object already.
            delay = ACCEPTED_SECONDS if self._is_accepted else RENEWAL_SECONDS
            if self._make is None or time.monotonic() < self._renewed_at + delay:
                return False
            self._renewed_at = time.monotonic()
            self._is_accepted = False
            self.current = await compute(self._make, seconds)
        self._keep(asyncio.ensure_future(_close(refused, compute)))
        return True

    def try_again(self, compute: Compute, seconds: float) -> None:
        """Begin to create the object again, unless that was tried a moment ago.

        A file that the object needs, for example one with a secret, may have been missing only for
        a while. Call this method on the event loop.
        """
        is_soon = time.monotonic() < self._renewed_at + RENEWAL_SECONDS
        if self._make is None or self.current is not None or is_soon:
            return
        self._renewed_at = time.monotonic()
        self._keep(asyncio.ensure_future(self._make_again(self._make, compute, seconds)))

    async def _make_again(
        self, make: Callable[[], Hooks], compute: Compute, seconds: float
    ) -> None:
        try:
            self.current, self.failure = await compute(make, seconds), ""
        except OrchestratorError as error:
            self.failure = error.message

    def _keep(self, task: asyncio.Future[Any]) -> None:
        """Keep a reference to a task until it ends, because asyncio does not."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, compute: Compute) -> None:
        """Close the plugin's connections; a failure of the plugin's ``close`` is ignored."""
        if self.current is not None:
            await _close(self.current, compute)


async def _close(hooks: Hooks, compute: Compute) -> None:
    if hooks.supports("close"):
        with suppress(OrchestratorError):
            await compute(lambda: hooks.call("close"), CLOSE_SECONDS)
