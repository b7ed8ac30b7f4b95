"""Values of a cloud's settings that no message may show: its secrets and its addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from orchestrator_core import register_secret
from orchestrator_libcloud.arguments import TARGETS
from orchestrator_libcloud.errors.refusal import flat
from orchestrator_libcloud.http.secret_names import is_secret_name

_CREDENTIALS: Final = frozenset((*TARGETS["key"], *TARGETS["secret"]))
"""Names that drivers, and Keystone, use for the settings' key and secret."""

_NAMES: Final = frozenset({"user_id", "username", "subscription_id"})

_OPEN: Final = (str, int, float, bool, NoneType)
"""Types of settings that hold the value itself; a reference has another type."""


class PrivateValues:
    """Every secret and host with which the driver objects of one cloud were made.

    A replaced secret is kept: the cloud may still quote it.
    """

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}
        self._hosts: dict[str, None] = {}

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets."""
        return tuple(self._secrets)

    def hosts(self) -> tuple[str, ...]:
        """Return the names and addresses of hosts, as they are in the settings."""
        return tuple(self._hosts)

    def note(
        self,
        settings: Mapping[str, Any],
        arguments: Mapping[str, Any],
        *more: Mapping[str, Any],
    ) -> None:
        """Keep the private values of these settings.

        Args:
            settings: the cloud's settings, loaded by their schema.
            arguments: the arguments of the driver: the settings with their secrets revealed.
            more: the other values with which a connection is made, by name.
        """
        given = settings["arguments"]
        pairs = [*arguments.items(), *(pair for mapping in more for pair in mapping.items())]
        for name, value in pairs:
            is_private = name in _CREDENTIALS or is_secret_name(name)
            if name in given and not is_private:
                is_private = any(not isinstance(leaf, _OPEN) for leaf in flat(given[name]))
            for leaf in _texts(value):
                if is_private:
                    self._secrets[leaf] = None
                    # A user's name may be any word: it is removed only from the cloud's sentences.
                    is_name = name in _NAMES or leaf.isalpha()
                    if is_secret_name(name) or not is_name:
                        register_secret(leaf)
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
            register_secret(unquote(password))
            self._secrets.update(dict.fromkeys((password, unquote(password))))


def _texts(value: Any) -> Iterator[str]:
    yield from (leaf for leaf in flat(value) if isinstance(leaf, str) and leaf)
