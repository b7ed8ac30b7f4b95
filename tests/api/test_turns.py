"""Portions of long bodies and answers go on in the turn of their callers."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

import pytest

from orchestrator_core.api.application import Application
from orchestrator_core.api.observer import Observer
from orchestrator_core.api.portions import PORTION, in_portions
from orchestrator_core.api.turns import Turns
from orchestrator_core.origin import Origin, origin
from orchestrator_core.settings.model import ServerSettings

CLIENTS = 50
PORTIONS = 20


def as_caller(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    context = contextvars.copy_context()
    context.run(origin.set, Origin(name))
    return asyncio.get_running_loop().create_task(work, context=context)


@pytest.mark.anyio
async def test_portions_of_an_answer_are_not_behind_those_of_another_caller() -> None:
    order: list[str] = []
    turns = Turns()

    async def answer(name: str) -> None:
        async def send(_: dict[str, Any]) -> None:
            order.append(name)

        text = bytes(PORTION * PORTIONS)
        await in_portions(send, turns)({"type": "http.response.body", "body": text})

    flood = [as_caller("many", answer("many")) for _ in range(CLIENTS)]
    await asyncio.sleep(0)
    await as_caller("one", answer("one"))
    assert len(order) < 3 * PORTIONS
    await asyncio.gather(*flood)
    assert len(order) == (CLIENTS + 1) * PORTIONS


@pytest.mark.anyio
async def test_parts_of_a_body_are_not_behind_those_of_another_caller() -> None:
    app = Reader(body_timeout=30)
    order: list[str] = []

    async def request(name: str) -> None:
        parts = iter(range(PORTIONS, 0, -1))

        async def receive() -> dict[str, Any]:
            left = next(parts)
            order.append(name)
            return {"type": "http.request", "body": bytes(16_384), "more_body": left > 1}

        async def send(_: dict[str, Any]) -> None:
            """Drop the answer."""

        await app(scope(), receive, send)

    flood = [as_caller("many", request("many")) for _ in range(CLIENTS)]
    await asyncio.sleep(0)
    await as_caller("one", request("one"))
    assert len(order) < 3 * PORTIONS + 2 * CLIENTS
    await asyncio.gather(*flood)
    assert len(order) == (CLIENTS + 1) * PORTIONS


class Reader(Application):
    """An application that reads the whole body and answers nothing else."""

    def __init__(self, *, body_timeout: float) -> None:
        observer = Observer(ServerSettings())
        super().__init__(body_timeout=body_timeout, end_waits=lambda: None, observer=observer)
        self.add_route("/", self)

    async def on_post(self, req: Any, resp: Any) -> None:
        async for _ in req.stream:
            pass


def scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-length", b"327680"), (b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "scheme": "http",
    }
