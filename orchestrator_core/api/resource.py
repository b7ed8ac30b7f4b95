"""The base class of every resource: each method answers 501 until a resource overrides it."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

import falcon.asgi

from orchestrator_core.api.errors import MethodNotImplemented

Request = falcon.asgi.Request
Response = falcon.asgi.Response


class Resource:
    """The resource of a route.

    Attributes:
        public: whether callers without a token are served.
        served: the methods that this class answers, including HEAD and OPTIONS.
        successor: the path that replaces this one in a later version, with its segments in braces;
            empty unless the route is deprecated.
    """

    public: ClassVar[bool] = False
    served: ClassVar[frozenset[str]] = frozenset({"OPTIONS"})
    successor: str = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        served = {
            method
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
            if getattr(cls, f"on_{method.lower()}") is not getattr(Resource, f"on_{method.lower()}")
        }
        cls.served = frozenset(served | {"OPTIONS"} | ({"HEAD"} if "GET" in served else set()))

    def not_implemented(self) -> NoReturn:
        """Refuse the request.

        Raises:
            MethodNotImplemented: always.
        """
        raise MethodNotImplemented

    async def on_get(self, req: Request, resp: Response, **segments: str) -> None:
        """Answer GET."""
        self.not_implemented()

    async def on_post(self, req: Request, resp: Response, **segments: str) -> None:
        """Answer POST."""
        self.not_implemented()

    async def on_put(self, req: Request, resp: Response, **segments: str) -> None:
        """Answer PUT."""
        self.not_implemented()

    async def on_patch(self, req: Request, resp: Response, **segments: str) -> None:
        """Answer PATCH."""
        self.not_implemented()

    async def on_delete(self, req: Request, resp: Response, **segments: str) -> None:
        """Answer DELETE."""
        self.not_implemented()

    async def on_head(self, req: Request, resp: Response, **segments: str) -> None:
        """Answer HEAD as GET, without the body (RFC 9110, 9.3.2)."""
        await self.on_get(req, resp, **segments)

    async def on_options(self, req: Request, resp: Response, **segments: str) -> None:
        """Answer with the methods that are served (RFC 9110, 9.3.7)."""
        resp.set_header("Allow", ", ".join(sorted(self.served)))
        resp.data = b""
