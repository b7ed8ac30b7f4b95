"""Policies and observers around every caller's call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import structlog

from orchestrator_core import faultpoints
from orchestrator_core.clouds.bulkhead import Bulkhead
from orchestrator_core.clouds.cloud import Reading
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import CloudError, Forbidden, OrchestratorError
from orchestrator_core.model import Call, Outcome
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.settings.model import ExtensionSettings

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_TELLS_WHY: Final = "list_plugins"


class Extension:
    """One ``[extensions.NAME]`` of the settings, in threads of its own.

    Args:
        settings: the core's part of them.
        hooks: None when the plugin cannot be used.
        failure: then, why not.
    """

    def __init__(self, settings: ExtensionSettings, hooks: Hooks | None, failure: str = "") -> None:
        self.name = settings.name
        self.settings = settings
        self.failure = failure
        self._hooks = hooks
        self._bulkhead = Bulkhead(
            f"Extension {settings.name}", threads=settings.threads, queue=settings.queue
        )

    @property
    def watches(self) -> bool:
        """Whether it sees how calls end; one that could not be loaded fails instead."""
        return self._hooks is None or self._hooks.supports("after_call")

    async def before_call(self, call: Call) -> None:
        """Let the extension deny or change the call.

        Raises:
            Forbidden: when it denies, or when it fails and the settings say ``deny``. One that
                could not be set up does not deny the report that tells why.
        """
        if self._hooks is None and call.operation == _TELLS_WHY:
            return
        try:
            await self._run("before_call", call=call)
        except Forbidden:
            raise
        except OrchestratorError as error:
            _log.error("extension failed", extension=self.name, why=error.message)
            if self.settings.on_failure == "deny":
                raise Forbidden(f"Denied, because the extension {self.name} failed") from None

    async def after_call(self, call: Call, outcome: Outcome) -> None:
        """Let the extension see how the call ended; that it fails changes nothing."""
        try:
            await self._run("after_call", call=call, outcome=outcome)
        except OrchestratorError as error:
            _log.error("extension failed", extension=self.name, why=error.message)

    def close(self) -> None:
        """Let go of threads."""
        self._bulkhead.close()

    async def _run(self, hook: str, **arguments: Any) -> None:
        hooks = self._hooks
        if hooks is None:
            raise CloudError(f"Extension {self.name} could not be loaded")
        if hooks.supports(hook):
            await self._bulkhead.run(
                lambda _deadline: hooks.call(hook, **arguments), self.settings.deadline
            )


class Extensions:
    """All configured extensions, in the order of the settings."""

    def __init__(self, extensions: Sequence[Extension]) -> None:
        self.all = tuple(extensions)

    @property
    def has_failed(self) -> bool:
        """Whether one of them could not be set up."""
        return any(extension.failure for extension in self.all)

    async def around(
        self,
        call: Call,
        work: Callable[[dict[str, Any]], Awaitable[T]],
        permit: Permit | None = None,
    ) -> T:
        """Make a call with the extensions around it.

        Args:
            call: what the caller asked for.
            work: makes it, with the parameters that the extensions left.
            permit: a change's.

        Raises:
            Forbidden: when an extension denies it.
        """
        begun = time.monotonic()
        outcome = Outcome()
        try:
            for extension in self.all:
                await extension.before_call(call)
            faultpoints.reached("call.permitted")
            result = await work(call.parameters)
            if isinstance(result, Reading):
                outcome.result, outcome.attempts = result.value, result.attempts
            else:
                outcome.result = getattr(result, "told", result)
                outcome.node_id = getattr(result, "node_id", None)
        except BaseException as error:
            outcome.error = error
            outcome.attempts = getattr(error, "attempts", 1)
            raise
        else:
            return result
        finally:
            if permit is not None:
                outcome.attempts = permit.attempts
            outcome.duration = time.monotonic() - begun
            faultpoints.reached("call.ended")
            watching = [extension for extension in self.all if extension.watches]
            if watching and _is_in_parts(outcome.result):
                # Extensions are promised the text itself.
                outcome.result = await asyncio.to_thread(bytes, outcome.result)
            for extension in watching:
                await extension.after_call(call, outcome)

    def close(self) -> None:
        """Let go of threads."""
        for extension in self.all:
            extension.close()


def _is_in_parts(result: object) -> bool:
    """Whether this is the text of a list, which may be long and stand in a file."""
    return not isinstance(result, bytes) and hasattr(result, "__bytes__")
