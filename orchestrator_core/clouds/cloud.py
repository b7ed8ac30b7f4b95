"""A configured cloud: a driver called in threads of its own, up to a deadline."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from orchestrator_core.clouds.bulkhead import Bulkhead
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.errors import CloudUnavailable, OrchestratorError
from orchestrator_core.model import CloudDescription
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.settings.deadlines import CLOSE_SECONDS, CLOUD_DEADLINES
from orchestrator_core.settings.model import CloudSettings

T = TypeVar("T")


class Cloud:
    """One ``[clouds.NAME]`` of the settings.

    Args:
        settings: the core's part of them.
        hooks: the plugin's; None when it cannot be used.
        failure: then, why not; shown to callers.
    """

    def __init__(self, settings: CloudSettings, hooks: Hooks | None, failure: str = "") -> None:
        self.name = settings.name
        self.settings = settings
        self.failure = failure
        self._hooks = hooks
        self._label = settings.provider_label
        self._deadlines = {**CLOUD_DEADLINES, **settings.deadlines}
        self._description: CloudDescription | None = None
        self._bulkhead = Bulkhead(
            f"Cloud {settings.name}", threads=settings.threads, queue=settings.queue
        )

    @property
    def hooks(self) -> Hooks:
        """The plugin's hooks.

        Raises:
            CloudUnavailable: when the plugin cannot be used.
        """
        if self._hooks is None:
            raise CloudUnavailable(f"Cloud {self.name} is not available: {self.failure}")
        return self._hooks

    async def run(self, operation: str, job: Callable[[Driver], T]) -> T:
        """Run ``job`` in one of this cloud's threads.

        Args:
            operation: whose deadline holds, ``list_nodes`` say.
            job: given the driver for this call. Shaping a long answer belongs into
                it too, so that it does not hold up the event loop.

        Raises:
            CloudUnavailable, CloudBusy, CloudTimeout: before the job has an answer.
            OrchestratorError: whatever the job raises.
        """
        hooks = self.hooks
        return await self._bulkhead.run(
            lambda deadline: job(Driver(hooks, deadline)), self._deadlines[operation]
        )

    def describe(self, driver: Driver) -> CloudDescription:
        """What this cloud is, under the label of the settings. May import an SDK: blocks."""
        if self._description is None:
            described = driver.describe()
            if self._label:
                described = replace(described, provider=self._label)
            self._description = described
        return self._description

    def seconds(self, operation: str) -> float:
        """How long an operation may take."""
        return self._deadlines[operation]

    async def description(self) -> CloudDescription | OrchestratorError:
        """What this cloud is, or why that cannot be said."""
        if self._description is not None:
            return self._description
        try:
            return await self.run("check", self.describe)
        except OrchestratorError as error:
            return error

    async def close(self) -> None:
        """Let go of connections and threads; a plugin that fails in it holds nobody up."""
        hooks = self._hooks
        if hooks is not None and hooks.supports("close"):
            with suppress(OrchestratorError):
                await self._bulkhead.run(lambda _: hooks.call("close"), CLOSE_SECONDS)
        self._bulkhead.close()
