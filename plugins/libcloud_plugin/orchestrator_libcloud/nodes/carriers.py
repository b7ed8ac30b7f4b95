"""Carriers of the core's marker: the part of a node that stores it, for each provider.

A carrier is used only if the provider's lists are known to return it complete: if the core does not
find a marker there, it treats the VM as never started. The tests check the table against Libcloud's
signatures, and the README's table against this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from orchestrator_core import InvalidParameter
from orchestrator_libcloud.capabilities import takes
from orchestrator_libcloud.nodes.marker import MARKER_KEY, MARKER_LENGTH, divided, is_marker, keyed
from orchestrator_libcloud.nodes.states import modules

Arguments = Mapping[str, Any]

_PREFIX: Final = f"{MARKER_KEY}:"
_DRIVERS: Final = "libcloud.compute.drivers."
_TOKEN_LENGTH: Final = 64
_FORM_OF_MARKER: Final = "must be 12 and 32 hexadecimal digits: 0a-1b"


class Carrier(Protocol):
    """Place that stores a marker at a provider."""

    @property
    def how(self) -> str:
        """Return the name of the carrier, as text for people."""

    @property
    def argument(self) -> str:
        """Return the parameter of ``create_node`` that it needs."""

    def put(self, arguments: Arguments, marker: str) -> dict[str, Any]:
        """Return the arguments of ``create_node`` with the marker among them.

        Raises:
            InvalidParameter: the marker does not fit.
        """

    def read(self, name: str, extra: Any) -> str | None:
        """Return the marker of a node with this name and this extra, as JSON."""

    def shown(self, name: str) -> str:
        """Return the name that the node was to have."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Tags or metadata with keys.

    Attributes:
        argument: the parameter, a dict.
        inner: the key under which that dict has another dict for them.
        token: the parameter that makes a repeated start create only one node.
        echo: the key in ``extra`` under which the provider returns the token.
    """

    how: str
    argument: str = "ex_metadata"
    inner: str | None = None
    token: str | None = None
    echo: str | None = None

    def put(self, arguments: Arguments, marker: str) -> dict[str, Any]:
        """Add the marker under its key."""
        added = _nested(arguments, self.argument, self.inner, {MARKER_KEY: marker})
        if self.token is not None and len(marker) <= _TOKEN_LENGTH:
            added[self.token] = marker
        return added

    def read(self, name: str, extra: Any) -> str | None:
        """Return the value under the key, else the token's, which cannot be removed from a node."""
        token = extra.get(self.echo) if self.echo is not None else None
        return keyed(extra) or (token if is_marker(token) else None)

    def shown(self, name: str) -> str:
        """Return the name unchanged."""
        return name


@dataclass(frozen=True, slots=True)
class Labels:
    """Tags that are words.

    Attributes:
        argument: the parameter, a list.
        inner: the key of that list, if the parameter is a dict.
        place: the key in ``extra`` under which they come back.
        is_bare: whether the word is the marker alone, because key and marker are too long.
    """

    how: str
    argument: str
    inner: str | None = None
    place: str = "tags"
    is_bare: bool = False

    def put(self, arguments: Arguments, marker: str) -> dict[str, Any]:
        """Add a word made of key and marker, or of the marker alone."""
        if self.is_bare and not is_marker(marker):
            raise InvalidParameter("marker", _FORM_OF_MARKER)
        word = marker if self.is_bare else _PREFIX + marker
        return _nested(arguments, self.argument, self.inner, [word])

    def read(self, name: str, extra: Any) -> str | None:
        """Return the marker in such a word."""
        words = extra.get(self.place)
        if not isinstance(words, list):
            return None
        found = filter(is_marker, words) if self.is_bare else map(_unprefixed, words)
        return next(filter(None, found), None)

    def shown(self, name: str) -> str:
        """Return the name unchanged."""
        return name


@dataclass(frozen=True, slots=True)
class Text:
    """A text that only this plugin sets, such as a description.

    Attributes:
        argument: the parameter.
        place: the key in ``extra`` under which it comes back, if that is another word.
        token: the parameter that makes a repeated start create only one node.
    """

    how: str
    argument: str
    place: str | None = None
    token: str | None = None

    def put(self, arguments: Arguments, marker: str) -> dict[str, Any]:
        """Set the text to key and marker."""
        added = {**arguments, self.argument: _PREFIX + marker}
        if self.token is not None and len(marker) <= _TOKEN_LENGTH:
            added[self.token] = marker
        return added

    def read(self, name: str, extra: Any) -> str | None:
        """Return the marker in the text."""
        return _unprefixed(extra.get(self.place or self.argument))

    def shown(self, name: str) -> str:
        """Return the name unchanged."""
        return name


@dataclass(frozen=True, slots=True)
class Token:
    """The token that makes a repeated start create only one node, which the provider returns.

    Attributes:
        argument: the parameter, at most 64 characters.
        place: the key in ``extra`` under which it comes back.
    """

    how: str
    argument: str
    place: str

    def put(self, arguments: Arguments, marker: str) -> dict[str, Any]:
        """Set the token to the marker."""
        if not is_marker(marker):
            raise InvalidParameter("marker", _FORM_OF_MARKER)
        return {**arguments, self.argument: marker}

    def read(self, name: str, extra: Any) -> str | None:
        """Return the token if it is a marker."""
        token = extra.get(self.place)
        return token if is_marker(token) else None

    def shown(self, name: str) -> str:
        """Return the name unchanged."""
        return name


@dataclass(frozen=True, slots=True)
class Name:
    """The node's own name, with the marker at its end.

    Attributes:
        longest: the largest number of characters that the provider accepts.
    """

    how: str
    longest: int
    argument: str = "name"

    def put(self, arguments: Arguments, marker: str) -> dict[str, Any]:
        """Add the marker to the name."""
        if not is_marker(marker):
            raise InvalidParameter("marker", _FORM_OF_MARKER)
        free = self.longest - MARKER_LENGTH - 1
        name = arguments["name"]
        if len(name) > free:
            raise InvalidParameter("name", f"must be at most {free} characters")
        return {**arguments, "name": f"{name}-{marker}"}

    def read(self, name: str, extra: Any) -> str | None:
        """Return the marker at the end of the name."""
        return divided(name)[1]

    def shown(self, name: str) -> str:
        """Return the name without the marker at its end."""
        return divided(name)[0]


def _nested(arguments: Arguments, argument: str, inner: str | None, value: Any) -> dict[str, Any]:
    """Return the arguments with a dict or list added to the existing ones."""
    whole = value if inner is None else {inner: value}
    return {**arguments, argument: _joined(arguments.get(argument), whole)}


def _joined(there: Any, added: Any) -> Any:
    if isinstance(there, dict) and isinstance(added, dict):
        return {**there, **{key: _joined(there.get(key), value) for key, value in added.items()}}
    if isinstance(there, list) and isinstance(added, list):
        return [*there, *added]
    return added


def _unprefixed(word: Any) -> str | None:
    if not isinstance(word, str) or not word.startswith(_PREFIX):
        return None
    return word.removeprefix(_PREFIX) or None


_METADATA: Final = Pairs(f"metadata `{MARKER_KEY}`")

CARRIERS: Final[dict[str, Carrier | None]] = {
    "azure_arm": Pairs(f"tag `{MARKER_KEY}`", argument="ex_tags"),
    "brightbox": Name("the end of the name (255 characters with the marker)", 255),
    "cloudscale": Pairs(f"tag `{MARKER_KEY}`", argument="ex_create_attr", inner="tags"),
    "digitalocean": Labels(f"tag `{_PREFIX}...`", argument="ex_create_attr", inner="tags"),
    "ec2": Pairs(
        f"tag `{MARKER_KEY}`, and the client token, with which a repeated start creates one node",
        token="ex_clienttoken",  # noqa: S106 - Amazon's name for a start's own id
        echo="client_token",
    ),
    # Nimbus has no tags: Libcloud sends them and Nimbus ignores them.
    "ec2.NimbusNodeDriver": None,
    "ecs": Text(
        "the description, and the client token, with which a repeated start creates one node",
        "ex_description",
        place="description",
        token="ex_client_token",  # noqa: S106 - Alibaba's name for a start's own id
    ),
    "equinixmetal": Text("the description", "description"),
    # A tag of Linode has at most 50 characters: key and marker have 65.
    "linode.LinodeNodeDriverV4": Labels("tag, the marker alone", argument="ex_tags", is_bare=True),
    "outscale": Token(
        "the client token, with which a repeated start creates one node",
        "ex_client_token",
        "ClientToken",
    ),
    "scaleway": Labels(f"tag `{_PREFIX}...`", argument="ex_tags"),
    "upcloud": Name("the end of the title (255 characters with the marker)", 255),
}
"""A driver's module, or its class, to its carrier; None if it has none.

Every other driver that takes ``ex_metadata`` stores the marker there. These are left out:

* CloudStack and its like, Google's labels, KubeVirt, libvirt: names have at most 63 characters,
  of which 17 would be left; gridscale's have 64, vSphere's 80.
* CloudStack's display name, Gandi's description, KubeVirt's labels: values that can be set do not
  come back through Libcloud, or Libcloud itself refuses the start.
* Vultr's ``tag``: Vultr has replaced it, and may no longer return it.
* Abiquo, Kamatera, Maxihost, OVH, RimuHosting, vCloud, VPS.net: the longest name is
  not known.
"""


def carrier_of(driver: Any) -> Carrier | None:
    """Return the carrier of a marker; None if there is none.

    Accepts a driver object or its class.
    """
    return _carrier_of(driver if isinstance(driver, type) else type(driver))


@lru_cache(maxsize=128)  # called for every node of every list
def _carrier_of(driver_class: type[Any]) -> Carrier | None:
    for cls, module in zip(driver_class.__mro__, modules(driver_class), strict=True):
        short = module.removeprefix(_DRIVERS)
        for name in (f"{short}.{cls.__name__}", short):
            if name in CARRIERS:
                return CARRIERS[name]
    return _METADATA if _METADATA.argument in takes(driver_class, "create_node") else None


def why_none(driver: Any) -> str | None:
    """Return why a node of this provider cannot be found by its marker; None if it can."""
    if carrier_of(driver) is not None:
        return None
    return f"Provider {driver.name} keeps nothing with a node by which its start can be found"
