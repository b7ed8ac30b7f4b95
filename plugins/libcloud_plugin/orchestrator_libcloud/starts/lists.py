"""A driver's lists of the things that a start can name: key pairs, networks and firewalls.

The table of these lists is the attribute ``lists`` of each provider's mapping (``mapping.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from orchestrator_core import Firewall, KeyPair, Network, Unsupported
from orchestrator_libcloud.capabilities import lacks, needed
from orchestrator_libcloud.listing.fetch_all import fetch_all
from orchestrator_libcloud.nodes.convert import to_keypair

HOOKS: Final = ("list_keypairs", "list_networks", "list_firewalls")


@dataclass(frozen=True, slots=True)
class StartList:
    """One list of a driver.

    Attributes:
        method: the driver's method that returns the list. A driver class that has no such method,
            or whose method needs an argument, does not have the list.
        show: converts one of Libcloud's things.
        call: is called with the driver object instead of the method, for a list that takes several
            requests or an argument.
    """

    method: str
    show: Callable[[Any], KeyPair | Network | Firewall]
    call: Callable[[Any], Iterable[Any]] | None = None


KEY_PAIRS: Final = StartList("list_key_pairs", to_keypair)
"""Libcloud's own list of key pairs, whose entries have a name and no id."""


def reason_against(driver: Any, lists: Mapping[str, StartList], hook: str) -> str | None:
    """Return why a hook cannot be served; None if it can.

    Args:
        driver: the Libcloud driver object, or its class.
        lists: the provider's lists by hook.
        hook: the hook.
    """
    if hook not in lists:
        things = hook.removeprefix("list_")
        return f"Provider {driver.name} has no list of {things} through Libcloud"
    own = lists[hook]
    return lacks(driver, own.method, () if own.call is None else needed(driver, own.method))


def fetch(driver: Any, lists: Mapping[str, StartList], hook: str) -> list[Any]:
    """Return a complete list, converted; the arguments are those of :func:`reason_against`.

    Raises:
        Unsupported: the driver does not have the list.
        CloudError: the complete list cannot be fetched.
    """
    why = reason_against(driver, lists, hook)
    if why is not None:
        raise Unsupported(why)
    own = lists[hook]
    read = getattr(driver, own.method) if own.call is None else partial(own.call, driver)
    return fetch_all(driver, hook, lambda: [own.show(thing) for thing in read()])
