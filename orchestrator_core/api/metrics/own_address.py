"""The address that serves the metrics and nothing else, if the settings name one.

Only a server that has opened the address knows of it: another ASGI server than ours serves the
metrics with the API, whatever the settings say.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

SCOPE_KEY: Final = "orchestrator.metrics"
"""The key of the ASGI scope of a request that has come to this address."""

_REFUSAL: Final = json.dumps(
    {
        "status": "error",
        "status_code": 404,
        "error_code": "not_found",
        "message": "This address serves /metrics only",
    }
).encode()

_Send = Callable[[dict[str, Any]], Awaitable[None]]


class _State:
    host: str | None = None


def open_to(host: str | None) -> None:
    """Note the host of the address that this server and its later workers have; None for none."""
    _State.host = host


def own_host() -> str | None:
    """Return the host of the address of this server; None if the metrics have none."""
    return _State.host


async def refuse(send: _Send) -> None:
    """Answer a request for anything else."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_REFUSAL))]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": _REFUSAL})
