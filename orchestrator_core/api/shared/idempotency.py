"""The header with which a caller has a change made only once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from orchestrator_core.api.errors import InvalidHeader
from orchestrator_core.api.resource import Request
from orchestrator_core.broker.operations.operation import KeyUse

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"

_KEY_BYTES: Final = KEY_HEADER.lower().encode()
_QUOTED = re.compile(r'"[^"\\]+"')
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


def key_use(req: Request, body: Mapping[str, Any], keep: float) -> KeyUse | None:
    """Return the Idempotency-Key of a request, or None without one.

    Args:
        req: the request.
        body: the parsed body; equal objects are the same body, however they are written.
        keep: the seconds for which keys are kept.

    Raises:
        InvalidHeader: when the key is not valid.
    """
    key = req.get_header(KEY_HEADER)
    if key is None:
        return None
    if sum(name == _KEY_BYTES for name, _ in req.scope["headers"]) > 1:
        raise InvalidHeader(KEY_HEADER, "is given twice")
    if _QUOTED.fullmatch(key):
        key = key[1:-1]  # the form of the draft: a string of structured fields (RFC 9651, 3.3.3)
    if not _KEY.fullmatch(key):
        raise InvalidHeader(KEY_HEADER, "must be 1 to 255 characters of printable ASCII")
    return KeyUse(req.method, req.path, key, hashlib.sha256(_text(body)).hexdigest(), keep)


def _text(body: Mapping[str, Any]) -> bytes:
    """Return a text that is the same for equal objects."""
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits
        return json.dumps(body, sort_keys=True).encode()
