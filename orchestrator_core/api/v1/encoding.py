"""The encoding of version 1's answers, which begin with their status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_core.api.shared import encoding
from orchestrator_core.api.shared.encoded import Encoded


def encode_list(key: str, items: Encoded) -> Encoded:
    """Return the JSON of an answer that contains a list.

    Args:
        key: the list's key.
        items: the encoded items, see :func:`~orchestrator_core.api.shared.encoding.encode_items`.
    """
    return encoding.encode_list({"status": "ok"}, key, items)


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the JSON of an answer with redacted messages.

    Raises:
        InvalidAnswer: when a plugin returned a value that is not JSON.
    """
    return encoding.encode({"status": "ok", **body})
