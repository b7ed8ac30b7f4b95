"""The addresses of clients."""

from __future__ import annotations

from typing import Final

from orchestrator_core.api.resource import Request

UNIX: Final = "unix"
"""The address of all clients of a Unix socket."""


def address_of(req: Request) -> str:
    """Return the client's address; all clients of a Unix socket have the same one."""
    return req.remote_addr if req.scope.get("client") else UNIX
