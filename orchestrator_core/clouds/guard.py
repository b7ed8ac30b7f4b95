"""The way into one plugin: breaker, threads, deadline, retries, credentials; and the log of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar

import structlog

from orchestrator_core.clouds import retries
from orchestrator_core.clouds.breaker import Breaker, Circuit
from orchestrator_core.clouds.bulkhead import Bulkhead, Load, NeverAsked
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    CloudBusy,
    CloudError,
    CloudTimeout,
    CloudUnavailable,
    CredentialsRefused,
    OrchestratorError,
    RateLimited,
)
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.settings.deadlines import CLOSE_SECONDS
from orchestrator_core.settings.model import BreakerSettings

T = TypeVar("T")

Job = Callable[[Hooks, Deadline], T]
"""Blocking code, given the plugin's hooks and the deadline of its attempt."""

_log = structlog.get_logger(__name__)

_RENEWAL_SECONDS: Final = 10.0
"""Credentials that are refused are not read anew more often than this."""

_LOCAL_THREADS: Final = 2

_UNTOLD = (CloudBusy, NeverAsked)
"""Errors of ours that come before the plugin is asked: they tell nothing of the cloud."""


class GuardSettings(Protocol):
    """What a section of the settings says about calls."""

    @property
    def threads(self) -> int: ...  # noqa: D102
    @property
    def queue(self) -> int: ...  # noqa: D102
    @property
    def retries(self) -> int: ...  # noqa: D102
    @property
    def breaker(self) -> BreakerSettings: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Plug:
    """A plugin's object in its place.

    Attributes:
        hooks: None when the plugin cannot be used.
        failure: then, why not; shown to callers.
        renew: makes a new object, with its secrets read anew; blocks, raises our errors.
    """

    hooks: Hooks | None
    failure: str = ""
    renew: Callable[[], Hooks] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """The last call that ended well, or the last that did not.

    Attributes:
        at: when it ended.
        error_code: the error's stable word; None when it ended well.
    """

    operation: str
    at: datetime
    error_code: str | None = None
    message: str | None = None


class Guard:
    """Calls one plugin's hooks so that nothing it does harms anybody else.

    Args:
        title: ``Cloud aws`` say; begins every message.
        labels: what every log line carries, ``{"cloud": "aws"}`` say.
        settings: threads, queue, retries, breaker.
        deadlines: seconds by operation.
        plug: the plugin's object.
    """

    def __init__(
        self,
        title: str,
        labels: Mapping[str, str],
        settings: GuardSettings,
        deadlines: Mapping[str, float],
        plug: Plug,
    ) -> None:
        self.title = title
        self.failure = plug.failure
        self.last_success: Event | None = None
        self.last_error: Event | None = None
        self._log = _log.bind(**labels)
        self._deadlines = deadlines
        self._most_attempts = settings.retries + 1
        self._hooks = plug.hooks
        self._make = plug.renew
        self._bulkhead = Bulkhead(title, threads=settings.threads, queue=settings.queue)
        self._local = Bulkhead(f"{title} local", threads=_LOCAL_THREADS, queue=settings.queue)
        self.breaker = Breaker(
            title, failures=settings.breaker.failures, seconds=settings.breaker.seconds
        )
        self._renewing = asyncio.Lock()
        self._not_before = 0.0
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def hooks(self) -> Hooks:
        """The plugin's hooks.

        Raises:
            CloudUnavailable: when the plugin cannot be used.
        """
        if self._hooks is None:
            raise CloudUnavailable(f"{self.title} is not available: {self.failure}")
        return self._hooks

    @property
    def load(self) -> Load:
        """What its threads are doing."""
        return self._bulkhead.load

    def seconds(self, operation: str) -> float:
        """How long an operation may take, queueing and repeats included."""
        return self._deadlines[operation]

    async def call(
        self, operation: str, job: Job[T], permit: Permit | None = None
    ) -> tuple[T, int]:
        """Run a job until it has an answer that counts; return it with the number of attempts.

        Args:
            operation: whose deadline holds, ``list_nodes`` say.
            job: run in one of the plugin's threads.
            permit: a change's; before it begins the job may be repeated as a read may.

        Raises:
            CloudUnavailable, CloudBusy, CircuitOpen: at once, without asking the plugin.
            CloudTimeout: at the deadline.
            OrchestratorError: whatever the job raises; ``attempts`` is set on it.
        """
        whole = Deadline(self._deadlines[operation])
        attempt, renewed = 0, False
        while True:
            attempt += 1
            hooks = self.hooks
            if permit is not None:
                permit.attempts = attempt
            try:
                return await self._attempt(operation, attempt, hooks, job, whole), attempt
            except OrchestratorError as error:
                error.attempts = attempt
                unchanged = permit is None or not permit.begun
                if isinstance(error, CredentialsRefused):
                    safe = error.repeat_is_safe or unchanged
                    if renewed or not safe or not await self._renew(hooks, whole):
                        raise
                    renewed = True
                    continue
                wait = retries.pause(
                    error, attempt, self._most_attempts, whole.remaining(), unchanged=unchanged
                )
                if wait is None or self.breaker.circuit is not Circuit.CLOSED:
                    raise
            await asyncio.sleep(wait)

    async def compute(self, job: Callable[[], T], seconds: float) -> T:
        """Run what does not ask the cloud but would hold up the event loop.

        It has threads of its own, so that it works although the cloud's all hang.
        """
        return await self._local.run(lambda _: job(), seconds)

    async def close(self) -> None:
        """Let go of connections and threads; a plugin that fails in it holds nobody up."""
        if self._hooks is not None:
            await self._close(self._hooks)
        self._bulkhead.close()
        self._local.close()

    async def _attempt(
        self, operation: str, attempt: int, hooks: Hooks, job: Job[T], whole: Deadline
    ) -> T:
        probe = self._admit(operation)
        begun = time.monotonic()
        raised: BaseException | None = None
        try:
            return await self._bulkhead.run(
                lambda deadline: job(hooks, deadline),
                whole.remaining(),
                abort=hooks.abort,
                total=whole.seconds,
            )
        except BaseException as error:
            raised = error
            raise
        finally:
            self._judge(raised, probe=probe)
            self._tell(operation, attempt, time.monotonic() - begun, raised)

    def _admit(self, operation: str) -> bool:
        try:
            return self.breaker.admit()
        except CloudError as refusal:
            self._log.debug("cloud not called", operation=operation, outcome=refusal.code)
            raise

    def _judge(self, error: BaseException | None, *, probe: bool) -> None:
        """Tell the breaker what the end of a call means."""
        if isinstance(error, RateLimited):
            if error.retry_after:
                self.breaker.pause(error.retry_after)
            self.breaker.ended(probe=probe)
        elif error is not None and (
            isinstance(error, _UNTOLD) or not isinstance(error, OrchestratorError)
        ):
            self.breaker.ended(probe=probe)
        elif isinstance(error, CloudTimeout) or (isinstance(error, CloudError) and error.transient):
            self.breaker.failed(error.message, probe=probe)
        else:
            self.breaker.answered(probe=probe)

    def _tell(
        self, operation: str, attempt: int, seconds: float, error: BaseException | None
    ) -> None:
        """Log how an attempt ended, and remember it."""
        if isinstance(error, CloudBusy):
            self._log.debug("cloud not called", operation=operation, outcome=error.code)
            return
        line = {"operation": operation, "attempt": attempt, "duration": round(seconds, 4)}
        now = datetime.now(UTC)
        if error is None:
            self.last_success = Event(operation, now)
            self._log.info("cloud call", **line, outcome="ok")
        elif isinstance(error, OrchestratorError):
            if isinstance(error, CloudError):
                self.last_error = Event(operation, now, error.code, error.message)
            log = self._log.warning if isinstance(error, CloudError) else self._log.info
            log("cloud call", **line, outcome=error.code, why=error.message)
        elif isinstance(error, asyncio.CancelledError):
            self._log.info("cloud call", **line, outcome="abandoned")
        else:
            self._log.error("cloud call", **line, outcome="internal_error", exc_info=error)

    async def _renew(self, refused: Hooks, whole: Deadline) -> bool:
        """Make the plugin's object anew; whether there is another one than what was refused."""
        async with self._renewing:
            if self._hooks is not refused:
                return True  # somebody else was quicker
            make, now = self._make, time.monotonic()
            if make is None or now < self._not_before:
                return False
            self._not_before = now + _RENEWAL_SECONDS
            try:
                self._hooks = await self.compute(make, whole.remaining())
            except OrchestratorError as error:
                self._log.error("credentials could not be read anew", why=error.message)
                return False
        self._log.info("credentials read anew")
        closing = asyncio.ensure_future(self._close(refused))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        return True

    async def _close(self, hooks: Hooks) -> None:
        if hooks.supports("close"):
            with suppress(OrchestratorError):
                await self.compute(lambda: hooks.call("close"), CLOSE_SECONDS)
