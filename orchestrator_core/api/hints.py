"""Reads the header in which a caller tells a cloud's driver more than the API has words for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from orchestrator_core.api.resource import Request
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import NO_HINTS
from orchestrator_core.errors import InvalidParameter

HEADER: Final = "X-Cloud-Hints"

_HINT = re.compile(r"\s*([a-z][a-z0-9_]{0,63})\s*(?:=\s*([^;=]{0,256}?)\s*)?")


def hints_for(req: Request, cloud: Cloud) -> Mapping[str, str]:
    """Return a request's hints: ``name=value; other`` has a value and an empty text.

    Raises:
        InvalidParameter: when the header cannot be read, or the cloud's settings let none
            through.
    """
    header = req.get_header(HEADER)
    if header is None:
        return NO_HINTS
    if not cloud.settings.hints:
        raise InvalidParameter(HEADER, f"the settings of cloud {cloud.name} let no hints through")
    hints: dict[str, str] = {}
    for part in header.split(";"):
        found = _HINT.fullmatch(part)
        if found is None:
            raise InvalidParameter(HEADER, "must be name=value pairs with ; between them")
        if found[1] in hints:
            raise InvalidParameter(HEADER, f"{found[1]} is given twice")
        hints[found[1]] = found[2] or ""
    return hints
