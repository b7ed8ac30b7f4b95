"""The protection around one plugin: breaker, threads, deadline, retries, credentials and log."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from orchestrator_core.clouds import retries
from orchestrator_core.clouds.breaker import Breaker, Circuit
from orchestrator_core.clouds.bulkhead import Bulkhead, Load, NeverAsked
from orchestrator_core.clouds.cooldowns import Cooldowns
from orchestrator_core.clouds.journal import Journal
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    CloudBusy,
    CloudError,
    CloudTimeout,
    CloudUnavailable,
    CredentialsRefused,
    InvalidAnswer,
    OrchestratorError,
    RateLimited,
    RequestError,
)
from orchestrator_core.origin import origin
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.settings.model import BreakerSettings

T = TypeVar("T")

Job = Callable[[Hooks, Deadline], T]
"""Blocking code, which receives the plugin's hooks and the deadline of its attempt."""

_LOCAL_THREADS: Final = 4
"""The smallest number that can be divided among callers.

More threads would not help, because a thread that computes needs the interpreter's lock.
"""

_SLOW: Final = 0.25
"""The part of an operation's deadline from which on a call that succeeds is logged as slow."""

_ANSWERS = (RequestError, CredentialsRefused, InvalidAnswer)
"""Errors which show that the cloud is up."""

_UNTOLD = (CloudBusy, NeverAsked, RateLimited)
"""Errors which do not show whether the cloud is up."""


class GuardSettings(Protocol):
    """The call settings of a section."""

    @property
    def threads(self) -> int: ...  # noqa: D102
    @property
    def queue(self) -> int: ...  # noqa: D102
    @property
    def retries(self) -> int: ...  # noqa: D102
    @property
    def breaker(self) -> BreakerSettings: ...  # noqa: D102


class Guard:
    """The guard of one plugin, which keeps the plugin's failures from affecting other plugins.

    Args:
        title: the beginning of every message, for example ``Cloud aws``.
        labels: the fields of every log line, for example ``{"cloud": "aws"}``.
        settings: the settings of threads, queue, retries and breaker.
        deadlines: the deadlines in seconds, by operation.
        handle: the handle of the plugin's object.
    """

    def __init__(
        self,
        title: str,
        labels: Mapping[str, str],
        settings: GuardSettings,
        deadlines: Mapping[str, float],
        handle: PluginHandle,
    ) -> None:
        self.title = title
        self.journal = Journal(labels)
        self.breaker = Breaker(
            title, failures=settings.breaker.failures, seconds=settings.breaker.seconds
        )
        self._cooldowns = Cooldowns(title)
        self._handle = handle
        self._deadlines = deadlines
        self._most_attempts = settings.retries + 1
        self._bulkhead = Bulkhead(title, threads=settings.threads, queue=settings.queue)
        self._local = Bulkhead(f"{title} local", threads=_LOCAL_THREADS, queue=settings.queue)
        self._waiting: Counter[str] = Counter()
        self._most_waiting = settings.threads + settings.queue

    @property
    def failure(self) -> str:
        """The reason why the plugin cannot be used; empty when it can."""
        return self._handle.failure

    @property
    def hooks(self) -> Hooks:
        """The plugin's hooks.

        Raises:
            CloudUnavailable: when the plugin cannot be used. Its creation is then tried again in
                the background.
        """
        try:
            return self._handle.hooks(self.title)
        except CloudUnavailable:
            self._handle.try_again(self.compute, self.seconds("check"))
            raise

    @property
    def load(self) -> Load:
        """The current load of the plugin's threads."""
        return self._bulkhead.load

    def seconds(self, operation: str) -> float:
        """Return the deadline of an operation in seconds, including queueing and retries."""
        return self._deadlines[operation]

    async def call(
        self,
        operation: str,
        job: Job[T],
        permit: Permit | None = None,
        seconds: float | None = None,
    ) -> tuple[T, int]:
        """Run a job, with retries; return its result and the number of attempts.

        Args:
            operation: the operation, which determines the deadline, for example ``list_nodes``.
            job: the job, which runs in one of the plugin's threads.
            permit: the permit of a change. Until the change has begun, the job may be retried like
                a read.
            seconds: the time limit; None for the operation's own deadline.

        Raises:
            CloudUnavailable, CloudBusy, CircuitOpen: at once, without calling the plugin.
            CloudTimeout: at the deadline.
            OrchestratorError: any error of the job, with its ``attempts`` set.
        """
        whole = Deadline(self._deadlines[operation] if seconds is None else seconds)
        attempt, renewed = 0, False
        while True:
            attempt += 1
            hooks = self.hooks
            if permit is not None:
                permit.attempts = attempt
            try:
                with self.journal.span(operation, attempt):
                    return await self._attempt(operation, attempt, hooks, job, whole), attempt
            except OrchestratorError as error:
                error.raised_in = error.raised_in or self.title
                error.attempts = attempt
                unchanged = permit is None or not permit.begun
                if isinstance(error, CredentialsRefused):
                    safe = error.repeat_is_safe or unchanged
                    if renewed or not safe or not await self._renew(hooks, whole):
                        raise
                    renewed = True
                    continue
                wait = retries.delay(
                    error, attempt, self._most_attempts, whole.remaining(), unchanged=unchanged
                )
                closed = self.breaker.circuit is Circuit.CLOSED
                if (
                    wait is None
                    or not closed
                    or self._waiting[origin.get().caller] >= self._most_waiting
                ):
                    raise
            await self._wait(wait)

    async def change(
        self,
        operation: str,
        job: Job[T],
        permit: Permit,
        ended: Callable[[], None],
        seconds: float | None = None,
    ) -> T:
        """Run a job that changes something, as :meth:`call` does.

        Args:
            operation: the operation, which determines the deadline.
            job: the job, which runs in one of the plugin's threads.
            permit: the permit, which the job asks before it changes anything.
            ended: a function that is called twice: in the thread when the job has ended, and when
                the caller has its answer, which may be earlier.
            seconds: the time limit, as for :meth:`call`.
        """

        def work(hooks: Hooks, deadline: Deadline) -> T:
            try:
                return job(hooks, deadline)
            finally:
                ended()

        try:
            result, _ = await self.call(operation, work, permit, seconds)
        finally:
            ended()
        return result

    async def _wait(self, seconds: float) -> None:
        caller = origin.get().caller
        self._waiting[caller] += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._waiting[caller] -= 1
            if not self._waiting[caller]:
                del self._waiting[caller]

    async def compute(self, job: Callable[[], T], seconds: float) -> T:
        """Run a job that does not call the cloud but would block the event loop.

        It runs in separate threads, so it works even if all threads of the cloud hang.
        """
        return await self._local.run(lambda _: job(), seconds)

    async def close(self) -> None:
        """Close connections and end threads; a failure of the plugin's ``close`` is ignored."""
        await self._handle.close(self.compute)
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
            if raised is None:
                self._handle.accepted(hooks)
            if isinstance(raised, CloudError) and raised.raised_in not in ("", self.title):
                # A backend asked a cloud, and the error is that cloud's. Counted here too, the
                # failure of one cloud would stop the backend for all clouds that it serves.
                self.breaker.ended(probe=probe)
            else:
                if isinstance(raised, RateLimited) and raised.retry_after:
                    self._cooldowns.begin(operation, raised.retry_after)
                self._judge(raised, probe=probe)
            spent = time.monotonic() - begun
            is_slow = spent >= _SLOW * self._deadlines[operation]
            self.journal.ended(operation, attempt, spent, raised, is_slow=is_slow)
            del raised  # Otherwise the error and this frame would keep each other alive.

    def _admit(self, operation: str) -> bool:
        try:
            self._cooldowns.check(operation)
            return self.breaker.admit()
        except CloudError as refusal:
            self.journal.not_called(operation, refusal)
            raise

    def _judge(self, error: BaseException | None, *, probe: bool) -> None:
        """Report the end of a call to the breaker."""
        if error is None or isinstance(error, _ANSWERS):
            self.breaker.answered(probe=probe)
        elif isinstance(error, _UNTOLD) or not isinstance(error, CloudError):
            self.breaker.ended(probe=probe)
        elif isinstance(error, CloudTimeout) or error.transient:
            self.breaker.failed(error.message, probe=probe)
        else:
            self.breaker.answered(probe=probe)

    async def _renew(self, refused: Hooks, whole: Deadline) -> bool:
        """Create the plugin's object again; return whether the call should be retried."""
        try:
            renewed = await self._handle.renew(refused, self.compute, whole.remaining())
        except OrchestratorError as failure:
            self.journal.renewed(failure)
            return False
        if renewed:
            self.journal.renewed(None)
        return renewed
