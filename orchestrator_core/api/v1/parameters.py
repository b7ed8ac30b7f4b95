"""The headers of requests that version 1 knows, described once for all routes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from marshmallow import fields


def _text(description: str, **more: Any) -> fields.String:
    return fields.String(metadata={"description": description, **more})


HEADERS: Final[Mapping[str, fields.Field[Any]]] = MappingProxyType(
    {
        "Idempotency-Key": _text(
            "The caller's own text for this change, which is made once.",
            pattern="^[ -~]{1,255}$",
        ),
        "Prefer": _text("`respond-async` to be answered with 202 once the change is recorded."),
        "X-Cloud-Hints": _text("Hints for the cloud's driver, if its settings allow them."),
    }
)
"""The headers of requests."""
