"""The sending of long answers in portions, each as fast as its client reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from orchestrator_core.api.turns import Turns
from orchestrator_core.origin import origin

_Send = Callable[[dict[str, Any]], Awaitable[None]]

PORTION: Final = 65_536
"""The bytes of a portion. The server waits for the client between two portions. One message with a
whole list would be copied into a buffer of each caller's connection.
"""


def in_portions(send: _Send, turns: Turns) -> _Send:
    """Return a ``send`` that sends long messages in portions, each in the turn of its caller."""

    async def send_in_portions(message: dict[str, Any]) -> None:
        body = message.get("body", b"")
        if len(body) <= PORTION:
            await send(message)
            return
        more = message.get("more_body", False)
        for at in range(0, len(body), PORTION):
            await turns.wait(origin.get().caller)
            portion = body[at : at + PORTION]
            is_last = at + PORTION >= len(body)
            await send({**message, "body": portion, "more_body": more or not is_last})

    return send_in_portions
