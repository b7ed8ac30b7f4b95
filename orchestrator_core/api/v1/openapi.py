"""The OpenAPI document of version 1, made once."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from orchestrator_core import errors
from orchestrator_core.api.errors import status_of_class
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.shared.examples import Examples
from orchestrator_core.api.v1 import answer_schemas
from orchestrator_core.api.v1.errors import code_of
from orchestrator_core.api.v1.parameters import HEADERS
from orchestrator_core.resources import core_version

_NAME_ONE_VM: Final = ("WhichVm", "AssignRequest", "ReleaseRequest", "RenewRequest")
"""The schemas of bodies that name a VM by its id or by its hostname."""


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    # apispec is imported only when a caller asks: most servers never need it.
    from orchestrator_core.api.shared.openapi import Document  # noqa: PLC0415
    from orchestrator_core.api.v1.routes import TABLE  # noqa: PLC0415 - the table has its route

    made = Document(
        "v1",
        core_version(),
        problem=answer_schemas.ErrorSchema,
        accepted=answer_schemas.AcceptedSchema,
        unreadable=answer_schemas.ErrorSchema,
        media_type="application/json",
        headers=HEADERS,
        status_of=status_of_class,
        query_error=errors.InvalidParameter,
        code_of=_code_of,
        examples=Examples.read(Path(__file__).parent),
    ).add(TABLE)
    for name in _NAME_ONE_VM:
        # A rule over two fields stands in code, from which apispec reads nothing.
        made["components"]["schemas"][name]["anyOf"] = [
            {"required": ["node"]},
            {"required": ["hostname"]},
        ]
    return made


def _code_of(kind: type[errors.OrchestratorError]) -> str:
    return "none for an unknown cloud" if kind is errors.UnknownCloud else f"`{code_of(kind.code)}`"


def document_text() -> str:
    """Return the document as text for people, as it is committed."""
    return json.dumps(document(), indent=1, sort_keys=True) + "\n"


@cache
def _encoded() -> bytes:
    return orjson.dumps(document())


class OpenApiResource(Resource):
    """``GET /openapi.json``."""

    public = True

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the description of version 1."""
        resp.data = _encoded()
