"""The paths that can be routes: each resource has exactly one, even behind a proxy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

_ENCODED_SLASH: Final = re.compile(rb"%2f", re.IGNORECASE)
_NODE: Final = re.compile(rb"/api/[^/]+/nodes/[^/]+/")
"""The text before a node's id, which is the only part of a path that may contain slashes."""


def is_plain(scope: Mapping[str, Any]) -> bool:
    """Return whether a request's path may lead to a resource.

    Falcon skips empty segments at the beginning and decodes an encoded slash. A proxy that guards
    ``/api/v1/vm`` would let ``//api/v1/vm`` and ``/api/v1%2fvm`` pass.

    Args:
        scope: the ASGI scope, with or without the path as it was sent.
    """
    path: str = scope["path"]
    if not path.startswith("/"):
        return True  # the asterisk of OPTIONS, or the host of a CONNECT
    sent = scope.get("raw_path")
    raw = path.encode("utf-8", "replace") if sent is None else sent.partition(b"?")[0]
    if b"%" not in raw and b"//" not in raw and b"/." not in raw:
        return True  # nearly every path; the checks below would take 4 % of a short request
    prefix = scope.get("root_path", "").encode()
    if raw.startswith(prefix + b"/api/"):
        raw = raw.removeprefix(prefix)
    node = _NODE.match(raw)
    fixed = raw[: node.end()] if node else raw
    if _ENCODED_SLASH.search(fixed):
        return False
    if b"//" in fixed:
        return False
    # The last segment may be the name of a cloud; version 1 has its own error for that.
    before_the_last = raw.removesuffix(b"/").split(b"/")[:-1]
    return not any(unquote_to_bytes(one) in (b".", b"..") for one in before_the_last)
