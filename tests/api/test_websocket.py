"""WebSockets: refused with an ordinary error, where the ASGI server can send one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from orchestrator_core.api.websocket import refuse_websocket


def refused(extensions: dict[str, Any] | None) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(refuse_websocket({"type": "websocket", "extensions": extensions}, send))
    return sent


def test_the_refusal_has_the_keys_of_every_error() -> None:
    start, body = refused({"websocket.http.response": {}})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 501)
    assert (b"content-type", b"application/json") in start["headers"]
    error = json.loads(body["body"])
    assert set(error) >= {
        *("message", "status", "status_code", "status_long_message", "status_short_message")
    }
    assert error["status_code"] == 501


def test_a_server_that_cannot_send_one_refuses_by_itself() -> None:
    assert refused(None) == [{"type": "websocket.close"}]
    assert refused({}) == [{"type": "websocket.close"}]
