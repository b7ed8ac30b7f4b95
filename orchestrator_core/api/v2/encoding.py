"""The encoding of version 2's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from orchestrator_core.api.encoded import Encoded
from orchestrator_core.api.v1 import encoding


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the JSON of an answer that is no list.

    Raises:
        InvalidAnswer: when a plugin returned a value that is not JSON.
    """
    return encoding.encode_item(dict(body))


def encode_list(key: str, items: Encoded, after: Mapping[str, Any]) -> Encoded:
    """Return the JSON of an answer that contains a list.

    Args:
        key: the list's key.
        items: the encoded items.
        after: the keys after the list.
    """
    head = orjson.dumps({key: []})
    tail = b"," + orjson.dumps(dict(after))[1:] if after else b"}"
    return Encoded((head[:-2], items, b"]" + tail))
