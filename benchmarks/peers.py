"""The peers: bare Falcon apps that return the same bytes."""

from __future__ import annotations

import os
from pathlib import Path

import falcon
import falcon.asgi

_BODY = Path(os.environ["BENCHMARK_BODY"]).read_bytes()


class _Asgi:
    async def on_get(self, _req: falcon.asgi.Request, resp: falcon.asgi.Response, **_: str) -> None:
        resp.data = _BODY


class _Wsgi:
    def on_get(self, _req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        resp.data = _BODY


asgi = falcon.asgi.App()
asgi.add_route("/api/v1/nodes/{cloud}", _Asgi())

wsgi = falcon.App()
wsgi.add_route("/api/v1/nodes/{cloud}", _Wsgi())
