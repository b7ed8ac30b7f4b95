"""What of a cloud's settings no message may show: its secrets and its addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from orchestrator_libcloud.refusal import flat
from orchestrator_libcloud.secret_names import is_secret_name


class PrivateValues:
    """Every secret and host that driver objects of one cloud were made with.

    A secret that has been replaced stays here: the cloud may still quote it.
    """

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}
        self._hosts: dict[str, None] = {}

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets."""
        return tuple(self._secrets)

    def hosts(self) -> tuple[str, ...]:
        """Return the names and addresses of hosts, as they stand in the settings."""
        return tuple(self._hosts)

    def note(self, settings: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
        """Keep what these settings hold.

        Args:
            settings: the cloud's, as its schema loaded them.
            arguments: what the driver is made with: the settings with their secrets revealed.
        """
        plain = {settings.get("region"), settings.get("host")}
        for name, value in arguments.items():
            given = settings["arguments"].get(name)
            is_open = all(
                leaf is None or isinstance(leaf, str | int | float) for leaf in flat(given)
            )
            for leaf in _texts(value):
                if (name not in settings["arguments"] and leaf not in plain) or (
                    name in settings["arguments"] and (not is_open or is_secret_name(name))
                ):
                    self._secrets[leaf] = None
                self._note_url(leaf)
        if settings.get("host"):
            self._hosts[settings["host"]] = None

    def note_proxy(self, proxy: str | None) -> None:
        """Keep the parts of a proxy's URL."""
        if proxy:
            self._note_url(proxy)

    def _note_url(self, text: str) -> None:
        if "://" not in text:
            return
        try:
            url = urlsplit(text)
            host, password = url.hostname, url.password
        except ValueError:
            return
        self._hosts.update(dict.fromkeys(part for part in (host, url.netloc) if part))
        if password:
            self._secrets.update(dict.fromkeys((password, unquote(password))))


def _texts(value: Any) -> Iterator[str]:
    yield from (leaf for leaf in flat(value) if isinstance(leaf, str) and leaf)
