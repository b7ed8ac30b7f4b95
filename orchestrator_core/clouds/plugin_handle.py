"""A plugin's object in its place, and how it is exchanged for one with fresh credentials."""

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
"""Credentials that are refused are not read anew more often than this."""

ACCEPTED_SECONDS: Final = 2.0
"""The same for credentials that the cloud has taken meanwhile: they may have been revoked since."""


class Compute(Protocol):
    """Runs blocking code in a thread, for so many seconds at most."""

    def __call__(self, job: Callable[[], T], seconds: float) -> Awaitable[T]: ...  # noqa: D102


class PluginHandle:
    """Holds one plugin's object.

    Args:
        hooks: None when the plugin cannot be used.
        failure: then, why not; shown to callers.
        make: makes a new object, with its secrets read anew; blocks, raises our errors.

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
        """The plugin's hooks.

        Raises:
            CloudUnavailable: when the plugin cannot be used.
        """
        if self.current is None:
            raise CloudUnavailable(f"{title} is not available: {self.failure}")
        return self.current

    def accepted(self, hooks: Hooks) -> None:
        """Note that the cloud took an object's credentials.

        A refusal that comes after that is another one, and worth a renewal soon. A password that is
        wrong is tried no more often for it, since it is never taken.
        """
        if hooks is self.current:
            self._is_accepted = True

    async def renew(self, refused: Hooks, compute: Compute, seconds: float) -> bool:
        """Exchange an object whose credentials were refused; whether there is another one now.

        The old one is closed; calls that it still serves go on.

        Raises:
            OrchestratorError: when no new one can be made.
        """
        async with self._renewing:
            if self.current is not refused:
                return True  # somebody else was quicker
            pause = ACCEPTED_SECONDS if self._is_accepted else RENEWAL_SECONDS
            if self._make is None or time.monotonic() < self._renewed_at + pause:
                return False
            self._renewed_at = time.monotonic()
            self._is_accepted = False
            self.current = await compute(self._make, seconds)
        self._keep(asyncio.ensure_future(_close(refused, compute)))
        return True

    def try_again(self, compute: Compute, seconds: float) -> None:
        """Begin to make the object that could not be made, unless that was tried just now.

        What it needs, a file with its secret say, may only have been away for a while. Must be
        called on the event loop.
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
        """Hold a task until it has ended: asyncio itself does not."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, compute: Compute) -> None:
        """Have the plugin let go of its connections; one that fails in it holds nobody up."""
        if self.current is not None:
            await _close(self.current, compute)


async def _close(hooks: Hooks, compute: Compute) -> None:
    if hooks.supports("close"):
        with suppress(OrchestratorError):
            await compute(lambda: hooks.call("close"), CLOSE_SECONDS)
