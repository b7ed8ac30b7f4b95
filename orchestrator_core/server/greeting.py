"""The first lines of a server's log: commands to try, with the address on which it listens."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.snapshot import current

_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - replaced, not bound
_HEADER: Final = ' -H "Authorization: Bearer $TOKEN"'


def greet(arbiter: Any) -> None:
    """Log three commands that read from this server, unless programs read the log.

    Args:
        arbiter: gunicorn's master, which listens already.
    """
    settings = current()
    if settings.server.log_format == "console":
        for command in commands(settings, str(arbiter.LISTENERS[0])):
            arbiter.log.info("Try: %s", command)


def commands(settings: Settings, address: str) -> list[str]:
    """Return three commands of curl, none of which changes anything.

    Args:
        settings: the settings in force.
        address: a listener as gunicorn shows it: ``http://HOST:PORT`` or ``unix:PATH``.
    """
    curl, url = "curl -s", address
    if address.startswith("unix:"):
        curl, url = f"curl -s --unix-socket {address.removeprefix('unix:')}", "http://localhost"
    for anywhere, here in _ANYWHERE.items():
        url = url.replace(f"//{anywhere}:", f"//{here}:")
    with_token = curl if settings.auth.mode == "none" else f"{curl}{_HEADER}"
    nodes = "/api/v1/nodes" if settings.default_cloud else "/api/v2/nodes"
    return [
        f"{curl} {url}/health",
        f"{with_token} {url}{nodes}",
        f"{with_token} {url}/api/v2/clouds",
    ]
