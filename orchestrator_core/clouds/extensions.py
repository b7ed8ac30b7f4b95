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
    """One section ``[extensions.NAME]`` of the settings, with its own threads.

    Args:
        settings: the core's part of the section.
        hooks: the hooks of the plugin; None when the plugin cannot be used.
        failure: the reason why the plugin cannot be used; empty when it can.
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
        """Whether the extension observes the ends of calls.

        It is True for an extension that could not be loaded; each call then logs the failure.
        """
        return self._hooks is None or self._hooks.supports("after_call")

    async def before_call(self, call: Call) -> None:
        """Call the extension before the call; it may deny or change the call.

        An extension that could not be set up does not deny ``list_plugins``, the report that shows
        the reason.

        Raises:
            Forbidden: when the extension denies the call, or when it fails and its setting
                ``on_failure`` is ``deny``.
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
        """Notify the extension of a call's outcome; its failure is only logged."""
        try:
            await self._run("after_call", call=call, outcome=outcome)
        except OrchestratorError as error:
            _log.error("extension failed", extension=self.name, why=error.message)

    def close(self) -> None:
        """End the threads of the extension."""
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
        """Whether an extension could not be set up."""
        return any(extension.failure for extension in self.all)

    async def around(
        self,
        call: Call,
        work: Callable[[dict[str, Any]], Awaitable[T]],
        permit: Permit | None = None,
    ) -> T:
        """Run a call, with every extension called before and after it.

        Args:
            call: the caller's call.
            work: the function that runs the call, with the parameters as the extensions left them.
            permit: the permit of a change; None for a read.

        Raises:
            Forbidden: when an extension denies the call.
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
                outcome.result = getattr(result, "for_extensions", result)
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
                # The contract promises extensions the text itself.
                outcome.result = await asyncio.to_thread(bytes, outcome.result)
            for extension in watching:
                await extension.after_call(call, outcome)

    def close(self) -> None:
        """End the threads of all extensions."""
        for extension in self.all:
            extension.close()


def _is_in_parts(result: object) -> bool:
    """Return whether a result is the text of a list, which may be long and lie in a file."""
    return not isinstance(result, bytes) and hasattr(result, "__bytes__")
