"""The HTTP servers that the parts of plugins name in the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator_core.redaction import texts
from orchestrator_core.settings.model import Settings

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class NamedServer:
    """A server that a URL in the settings names.

    Attributes:
        section: the section without brackets, such as ``clouds.aws``.
        scheme: ``http`` or ``https``.
        host: its host.
        port: its port.
    """

    section: str
    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The host and the port for a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.netloc} ({self.section})"


def tables(settings: Settings) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the part of each plugin, with the name of its section."""
    for kind in ("clouds", "assignments", "extensions"):
        for section in getattr(settings, kind).values():
            yield f"{kind}.{section.name}", section.plugin


def named_servers(settings: Settings) -> Iterator[NamedServer]:
    """Yield the HTTP servers that the parts of plugins name, each once."""
    seen = set()
    for section, plugin in tables(settings):
        for _, text in texts(plugin):
            with suppress(ValueError):
                parts = urlsplit(text)
                if parts.scheme in _PORTS and parts.hostname:
                    port = parts.port or _PORTS[parts.scheme]
                    one = NamedServer(section, parts.scheme, parts.hostname, port)
                    if (one.host, one.port) not in seen:
                        seen.add((one.host, one.port))
                        yield one
