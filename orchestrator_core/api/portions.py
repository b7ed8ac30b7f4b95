"""Sends long answers in portions, each as fast as its client reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

_Send = Callable[[dict[str, Any]], Awaitable[None]]

PORTION: Final = 65_536
"""Bytes. The server waits for the client between two of them; one message with all of a list
would be copied into a buffer of the connection, for each of its callers."""


def in_portions(send: _Send) -> _Send:
    """Return a ``send`` that passes long messages on in portions, and lets others run meanwhile."""

    async def send_in_portions(message: dict[str, Any]) -> None:
        body = message.get("body", b"")
        if len(body) <= PORTION:
            await send(message)
            return
        more = message.get("more_body", False)
        for at in range(0, len(body), PORTION):
            portion = body[at : at + PORTION]
            is_last = at + PORTION >= len(body)
            await send({**message, "body": portion, "more_body": more or not is_last})
            await asyncio.sleep(0)

    return send_in_portions
