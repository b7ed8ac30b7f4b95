"""Reports of the server itself, with extensions around them as around every other call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from orchestrator_core.api.resource import Request
from orchestrator_core.api.services import Services
from orchestrator_core.model import Call

T = TypeVar("T")

_SECONDS: Final = 30.0
"""The deadline in seconds that extensions see for a report; no report waits for a cloud."""


async def watched(
    services: Services,
    req: Request,
    operation: str,
    parameters: dict[str, Any],
    work: Callable[[dict[str, Any]], Awaitable[T]],
) -> T:
    """Return a report's encoded answer unless an extension denies it.

    Args:
        services: the objects that resources use, including the extensions.
        req: the caller's request.
        operation: the report's name for extensions, for example ``list_operations``.
        parameters: the caller's parameters; the extensions may change them.
        work: the function that makes the answer from the parameters that the extensions return.

    Raises:
        Forbidden: when an extension denies the call.
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
