"""Routes of the server itself: whether it is up, and logins."""

from __future__ import annotations

from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.v1 import encoding


class RootResource(Resource):
    """``GET /``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer that the server is up."""
        resp.data = encoding.encode({})


class AuthResource(Resource):
    """``/auth``: answers 501 until there are accounts."""

    public = True
