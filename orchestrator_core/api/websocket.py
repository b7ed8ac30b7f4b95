"""The answer to an offer of WebSocket, under ASGI servers that hand it on.

Gunicorn's worker ignores the offer (:mod:`orchestrator_core.server.protocol`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from orchestrator_core.api.problem import problem

_RESPONSE: Final = "websocket.http.response"


async def refuse_websocket(
    scope: dict[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Refuse a WebSocket before its handshake, with an error of five keys where the server can.

    Source: the ASGI specification's extension "WebSocket Denial Response"; without it the
    server answers with a 403 of its own.
    """
    if _RESPONSE not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    body = problem(501, "This server does not speak WebSocket", "not_implemented")
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": f"{_RESPONSE}.start", "status": 501, "headers": headers})
    await send({"type": f"{_RESPONSE}.body", "body": body})
