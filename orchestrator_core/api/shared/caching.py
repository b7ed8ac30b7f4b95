"""The headers of requests and answers that concern cached answers (RFC 9111)."""

from __future__ import annotations

import math
import re

from orchestrator_core.api.resource import Request, Response

_MAX_AGE = re.compile(r"max-age=\"?(\d{1,9})\"?")


def acceptable_age(req: Request) -> float:
    """Return the greatest age in seconds that an answer to this request may have.

    ``no-cache``, ``no-store`` and ``max-age`` are honoured (RFC 9111, 5.2.1). So is ``Pragma``, for
    clients that do not send ``Cache-Control`` (5.4).
    """
    header = req.get_header("Cache-Control")
    if header is None:
        header = req.get_header("Pragma", default="")
    age = math.inf
    for directive in header.lower().split(","):
        word = directive.strip()
        if word in ("no-cache", "no-store"):
            return 0.0
        if found := _MAX_AGE.fullmatch(word):
            age = min(age, float(found[1]))
    return age


def tell_age(resp: Response, age: float, kept_for: float) -> None:
    """Set the headers for an answer's age and lifetime (RFC 9111, 5.1 and 5.2.2.1)."""
    resp.set_header("Age", str(int(age)))
    resp.set_header("Cache-Control", f"private, max-age={int(kept_for)}")
