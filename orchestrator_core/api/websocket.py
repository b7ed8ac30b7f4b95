"""The answer to a WebSocket request, under ASGI servers that pass such requests on.

Gunicorn's worker ignores the request (:mod:`orchestrator_core.server.protocol`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from orchestrator_core.api.problem import problem

_RESPONSE: Final = "websocket.http.response"


async def refuse_websocket(
    scope: dict[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Refuse a WebSocket before its handshake, with a five-key error if the server can send one.

    Source: the ASGI specification's extension "WebSocket Denial Response". Without this extension
    the server answers with its own 403.
    """
    if _RESPONSE not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    body = problem(501, "This server does not speak WebSocket", "not_implemented")
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": f"{_RESPONSE}.start", "status": 501, "headers": headers})
    await send({"type": f"{_RESPONSE}.body", "body": body})
