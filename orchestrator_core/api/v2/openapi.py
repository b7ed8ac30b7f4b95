"""The OpenAPI document of version 2, made once."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import orjson

from orchestrator_core import errors
from orchestrator_core.api.error_codes import error_codes
from orchestrator_core.api.errors import STATUSES as STATUSES_OF_VERSION_1
from orchestrator_core.api.errors import status_of_class as status_of_version_1
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.shared.examples import Examples
from orchestrator_core.api.v2 import schemas
from orchestrator_core.api.v2.conventions import CONVENTIONS
from orchestrator_core.api.v2.lists import LISTS
from orchestrator_core.api.v2.parameters import HEADERS, QUERY, SEGMENTS, name_of
from orchestrator_core.api.v2.problems import MEDIA_TYPE, STATUSES, InvalidQuery
from orchestrator_core.api.v2.words import TAGS
from orchestrator_core.resources import core_version


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    # apispec is imported only when a caller asks: most servers never need it.
    from orchestrator_core.api.shared.openapi import Document  # noqa: PLC0415
    from orchestrator_core.api.v2.routes import TABLE  # noqa: PLC0415 - the table has its route

    return Document(
        "v2",
        core_version(),
        problem=schemas.ProblemSchema,
        accepted=schemas.AcceptedSchema,
        unreadable=schemas.UnreadableRequestSchema,
        media_type=MEDIA_TYPE,
        query=QUERY,
        headers=HEADERS,
        name_of=name_of,
        status_of=status_of_class,
        query_error=InvalidQuery,
        refuses_queries=True,
        meanings={one.code: one.meaning for one in error_codes()},
        parts=(schemas.HolderSchema,),
        about=CONVENTIONS,
        segments=SEGMENTS,
        tags={**TAGS, **{key: f"The {key} that a cloud offers." for key in LISTS}},
        examples=Examples.read(Path(__file__).parent),
    ).add(TABLE)


def status_of_class(kind: type[errors.OrchestratorError]) -> int:
    """Return the status of a class of errors in version 2."""
    for one in kind.__mro__:
        if one in STATUSES:
            return STATUSES[one]
        if one in STATUSES_OF_VERSION_1:
            break
    return status_of_version_1(kind)


@lru_cache(maxsize=4)  # a server is behind one prefix; a trusted proxy may name others
def _encoded(root_path: str) -> bytes:
    servers = [{**one, "url": f"{root_path}{one['url']}"} for one in document()["servers"]]
    return orjson.dumps({**document(), "servers": servers})


class OpenApiResource(Resource):
    """``GET /openapi.json``."""

    public = True

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the description of version 2."""
        resp.data = _encoded(req.root_path)


def document_text() -> str:
    """Return the document as text for people, as it is committed."""
    return json.dumps(document(), indent=1, sort_keys=True) + "\n"
