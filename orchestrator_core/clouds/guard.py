"""The way into one plugin: breaker, threads, deadline, retries, credentials; and the log of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from orchestrator_core.clouds import retries
from orchestrator_core.clouds.breaker import Breaker, Circuit
from orchestrator_core.clouds.bulkhead import Bulkhead, Load, NeverAsked
from orchestrator_core.clouds.journal import Journal
from orchestrator_core.clouds.pauses import Pauses
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    CloudBusy,
    CloudError,
    CloudTimeout,
    CloudUnavailable,
    CredentialsRefused,
    NonsenseAnswer,
    OrchestratorError,
    RateLimited,
    RequestError,
)
from orchestrator_core.origin import origin
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.settings.model import BreakerSettings

T = TypeVar("T")

Job = Callable[[Hooks, Deadline], T]
"""Blocking code, given the plugin's hooks and the deadline of its attempt."""

_LOCAL_THREADS: Final = 4
"""As few as can be divided among callers; one that computes needs the interpreter's lock."""

_ANSWERS = (RequestError, CredentialsRefused, NonsenseAnswer)
"""Errors that show that the cloud is there."""

_UNTOLD = (CloudBusy, NeverAsked, RateLimited)
"""Errors that tell nothing of whether it is."""


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
        handle: PluginHandle,
    ) -> None:
        self.title = title
        self.journal = Journal(labels)
        self.breaker = Breaker(
            title, failures=settings.breaker.failures, seconds=settings.breaker.seconds
        )
        self._pauses = Pauses(title)
        self._handle = handle
        self._deadlines = deadlines
        self._most_attempts = settings.retries + 1
        self._bulkhead = Bulkhead(title, threads=settings.threads, queue=settings.queue)
        self._local = Bulkhead(f"{title} local", threads=_LOCAL_THREADS, queue=settings.queue)
        self._waiting: Counter[str] = Counter()
        self._most_waiting = settings.threads + settings.queue

    @property
    def failure(self) -> str:
        """Why the plugin cannot be used; empty when it can."""
        return self._handle.failure

    @property
    def hooks(self) -> Hooks:
        """The plugin's hooks.

        Raises:
            CloudUnavailable: when the plugin cannot be used; whether it can meanwhile is tried.
        """
        try:
            return self._handle.hooks(self.title)
        except CloudUnavailable:
            self._handle.try_again(self.compute, self.seconds("check"))
            raise

    @property
    def load(self) -> Load:
        """What its threads are doing."""
        return self._bulkhead.load

    def seconds(self, operation: str) -> float:
        """How long an operation may take, queueing and repeats included."""
        return self._deadlines[operation]

    async def call(
        self,
        operation: str,
        job: Job[T],
        permit: Permit | None = None,
        seconds: float | None = None,
    ) -> tuple[T, int]:
        """Run a job until it has an answer that counts; return it with the number of attempts.

        Args:
            operation: whose deadline holds, ``list_nodes`` say.
            job: run in one of the plugin's threads.
            permit: a change's; before it begins the job may be repeated as a read may.
            seconds: how long it may take; None for the operation's own deadline.

        Raises:
            CloudUnavailable, CloudBusy, CircuitOpen: at once, without asking the plugin.
            CloudTimeout: at the deadline.
            OrchestratorError: whatever the job raises; ``attempts`` is set on it.
        """
        whole = Deadline(self._deadlines[operation] if seconds is None else seconds)
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
            operation: whose deadline holds.
            job: run in one of the plugin's threads.
            permit: asked by the job before it changes anything.
            ended: called when the job has ended, in its thread, and when its caller has an
                answer, which may come sooner.
            seconds: as for :meth:`call`.
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
        """Run what does not ask the cloud but would hold up the event loop.

        It has threads of its own, so that it works although the cloud's all hang.
        """
        return await self._local.run(lambda _: job(), seconds)

    async def close(self) -> None:
        """Let go of connections and threads; a plugin that fails in it holds nobody up."""
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
            if isinstance(raised, RateLimited) and raised.retry_after:
                self._pauses.begin(operation, raised.retry_after)
            if raised is None:
                self._handle.accepted(hooks)
            self._judge(raised, probe=probe)
            self.journal.ended(operation, attempt, time.monotonic() - begun, raised)
            del raised  # or it would hold this frame, and the frame it

    def _admit(self, operation: str) -> bool:
        try:
            self._pauses.check(operation)
            return self.breaker.admit()
        except CloudError as refusal:
            self.journal.not_called(operation, refusal)
            raise

    def _judge(self, error: BaseException | None, *, probe: bool) -> None:
        """Tell the breaker what the end of a call means."""
        if error is None or isinstance(error, _ANSWERS):
            self.breaker.answered(probe=probe)
        elif isinstance(error, _UNTOLD) or not isinstance(error, CloudError):
            self.breaker.ended(probe=probe)
        elif isinstance(error, CloudTimeout) or error.transient:
            self.breaker.failed(error.message, probe=probe)
        else:
            self.breaker.answered(probe=probe)

    async def _renew(self, refused: Hooks, whole: Deadline) -> bool:
        """Have the plugin's object made anew; whether it makes sense to ask once more."""
        try:
            renewed = await self._handle.renew(refused, self.compute, whole.remaining())
        except OrchestratorError as failure:
            self.journal.renewed(failure)
            return False
        if renewed:
            self.journal.renewed(None)
        return renewed
