"""The routes of the page ``/docs``: the page, its files, and the redirect from ``/``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.shared.conditional import answer_unchanged, etag_of, is_unchanged

DOCS: Final = "/docs"
"""The path of the page; its files are below it."""

_FOLDER: Final = Path(__file__).parent
_SWAGGER_UI: Final = _FOLDER / "swagger_ui"
_OWN: Final = _FOLDER / "page"

_JAVASCRIPT: Final = "text/javascript; charset=utf-8"
_CSS: Final = "text/css; charset=utf-8"

# Swagger UI draws its arrows from data: addresses in its stylesheet.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class FileResource(Resource):
    """A file of the page, read once.

    Args:
        path: the file.
        content_type: its media type.
    """

    public = True

    def __init__(self, path: Path, content_type: str) -> None:
        self._path = path
        self._content_type = content_type
        self._body: bytes | None = None
        self._etag = ""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the file, or with 304 to a browser that has it already."""
        body = self._body
        if body is None:
            body = await asyncio.to_thread(self._path.read_bytes)
            self._body, self._etag = body, etag_of(body)
        _protect(resp)
        # The names of the files stay the same when their content changes with a release, and old
        # and new files do not work together. A browser therefore asks each time.
        resp.set_header("Cache-Control", "no-cache")
        if is_unchanged(req, self._etag):
            answer_unchanged(resp, self._etag)
            return
        resp.set_header("ETag", self._etag)
        resp.content_type = self._content_type
        resp.data = body


class PageResource(FileResource):
    """``/docs``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the page, or lead from ``/docs/`` to it."""
        # The page names its files relative to itself, and so needs no knowledge of a prefix.
        if req.scope["path"].endswith("/"):
            _redirect(resp, "../docs")
        else:
            await super().on_get(req, resp)


class RootResource(Resource):
    """``/``."""

    public = True

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Lead to the page."""
        _redirect(resp, f"{req.root_path}{DOCS}")


def routes() -> Iterator[tuple[str, Resource]]:
    """Yield ``(path, resource)`` for the page, each of its files, and ``/``."""
    yield "/", RootResource()
    yield DOCS, PageResource(_OWN / "docs.html", "text/html; charset=utf-8")
    for path, content_type in (
        (_OWN / "docs.js", _JAVASCRIPT),
        (_OWN / "docs.css", _CSS),
        (_SWAGGER_UI / "swagger-ui-bundle.js", _JAVASCRIPT),
        (_SWAGGER_UI / "swagger-ui.css", _CSS),
        (_SWAGGER_UI / "favicon-32x32.png", "image/png"),
    ):
        yield f"{DOCS}/{path.name}", FileResource(path, content_type)


def _redirect(resp: Response, place: str) -> None:
    resp.status = 302
    resp.set_header("Location", place)
    resp.content_type = None  # Falcon leaves the header out then
    resp.data = b""


def _protect(resp: Response) -> None:
    """Forbid the page everything but this server's own files and API."""
    resp.set_header("Content-Security-Policy", _POLICY)
    resp.set_header("X-Content-Type-Options", "nosniff")
    resp.set_header("Referrer-Policy", "no-referrer")
