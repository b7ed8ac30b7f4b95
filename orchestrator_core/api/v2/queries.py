"""The parameters of a query in version 2: unknown ones are refused everywhere."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from orchestrator_core.api.resource import Request
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.settings.faults import nearest

_SHOWN: Final = 64
_DURATION: Final = re.compile(r"(?P<count>[0-9]{1,4})(?P<unit>ms|s|m)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}


def parameters(req: Request, known: Collection[str]) -> dict[str, str]:
    """Return the parameters of a query.

    Args:
        req: the request.
        known: the parameters that the route has.

    Raises:
        InvalidQuery: for a parameter that is unknown, is given twice or has control characters.
    """
    if not req.query_string:
        return {}
    for name, value in req.params.items():
        if name not in known:
            have = f"this route has {', '.join(known)}" if known else "this route has none"
            hint = nearest(name[:_SHOWN], known)
            raise InvalidQuery(name[:_SHOWN], f"is not a parameter{hint}; {have}")
        if isinstance(value, list):
            raise InvalidQuery(name, "is given twice")
        if not value.isprintable():
            raise InvalidQuery(name, "must not contain control characters")
    return {name: str(value) for name, value in req.params.items()}


def seconds(name: str, text: str, longest: float) -> float:
    """Return a duration such as ``30s``, ``1m`` or ``500ms`` in seconds; a bare number is seconds.

    Raises:
        InvalidQuery: when it is not a duration, or is longer than ``longest`` seconds.
    """
    found = _DURATION.fullmatch(text)
    length = None if found is None else int(found["count"]) * _SECONDS[found["unit"] or "s"]
    if length is None or length > longest:
        raise InvalidQuery(name, f'must be a duration such as "30s", at most {longest:g} s')
    return length
