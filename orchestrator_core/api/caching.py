"""What a request and an answer say about kept answers (RFC 9111)."""

from __future__ import annotations

import math
import re

from orchestrator_core.api.resource import Request, Response

_MAX_AGE = re.compile(r"max-age=\"?(\d{1,9})\"?")


def acceptable_age(req: Request) -> float:
    """Return how old an answer may be for this request, in seconds.

    ``no-cache``, ``no-store`` and ``max-age`` are heeded (RFC 9111, 5.2.1), and ``Pragma`` of
    clients that know no better (5.4).
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
    """Tell how old an answer is, and for how long it is good (RFC 9111, 5.1 and 5.2.2.1)."""
    resp.set_header("Age", str(int(age)))
    resp.set_header("Cache-Control", f"private, max-age={int(kept_for)}")
