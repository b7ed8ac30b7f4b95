"""Reports of the server itself, with the extensions around them as around every other call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from orchestrator_core.api.resource import Request
from orchestrator_core.api.services import Services
from orchestrator_core.model import Call

T = TypeVar("T")

_SECONDS: Final = 30.0
"""The deadline of a report that extensions see; no report waits for a cloud."""


async def watched(
    services: Services,
    req: Request,
    operation: str,
    parameters: dict[str, Any],
    work: Callable[[dict[str, Any]], Awaitable[T]],
) -> T:
    """Return a report's encoded answer, if no extension denies it.

    Args:
        services: with the extensions.
        req: the caller's.
        operation: the report's name for extensions, ``list_operations`` say.
        parameters: what the caller asked for; the extensions may change it.
        work: makes the answer of what the extensions left.

    Raises:
        Forbidden: when an extension denies it.
    """
    if not services.extensions.all:
        return await work(parameters)
    call = Call(
        operation=operation,
        cloud=str(parameters.get("cloud", "")),
        caller=req.context.caller,
        request_id=req.context.request_id,
        deadline=_SECONDS,
        parameters=parameters,
    )
    return await services.extensions.around(call, work)
