"""Settings that each Libcloud provider accepts, and the location of its class.

The table answers this without importing a provider's module, which costs memory and time; the tests
check it against the constructors themselves.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Any, Final

COMMON: Final = ("key", "secret", "region", "host", "port", "secure")
"""Our settings that may become arguments of a driver's constructor."""

_KEY: Final = "key!"
_PAIR: Final = "key! secret!"
_SERVER: Final = "key! host port secure"
_SERVER_PAIR: Final = "key! secret! host port secure"
_REGIONAL: Final = "key! secret! region host port secure"

TAKES: Final[dict[str, str]] = {
    "abiquo": _PAIR,
    "aliyun_ecs": _REGIONAL,
    "aurora_compute": "key! secret! region host",
    "azure": _KEY,
    "azure_arm": _REGIONAL,
    "brightbox": _SERVER_PAIR,
    "cloudscale": _KEY,
    "cloudsigma": _REGIONAL,
    "cloudstack": _SERVER_PAIR,
    "digitalocean": _KEY,
    "dimensiondata": _REGIONAL,
    "dummy": _KEY,
    "ec2": _REGIONAL,
    "equinixmetal": _KEY,
    "eucalyptus": _SERVER_PAIR,
    "exoscale": _SERVER_PAIR,
    "gandi": _KEY,
    "gce": "key! secret region",
    "gig_g8": _PAIR,
    "gridscale": _PAIR,
    "ikoula": _SERVER_PAIR,
    "internetsolutions": _REGIONAL,
    "kamatera": _PAIR,
    "ktucloud": _SERVER_PAIR,
    "kubevirt": "key secret host port secure",
    "libvirt": "key! secret",
    "linode": _KEY,
    "maxihost": _KEY,
    "nimbus": _SERVER_PAIR,
    "ntta": _REGIONAL,
    "nttcis": _REGIONAL,
    "onapp": _SERVER_PAIR,
    "opennebula": _SERVER_PAIR,
    "openstack": _REGIONAL,
    "outscale": "key! secret! region",
    "outscale_inc": _REGIONAL,
    "outscale_sas": _REGIONAL,
    "ovh": "key! secret! region",
    "rackspace": _REGIONAL,
    "rackspace_first_gen": _REGIONAL,
    "rimuhosting": _SERVER,
    "scaleway": _SERVER_PAIR,
    "terremark": _SERVER_PAIR,
    "upcloud": _PAIR,
    "vcl": "key! secret! host!",
    "vcloud": _SERVER_PAIR,
    "vpsnet": _SERVER_PAIR,
    "vsphere": "key! secret! host! port",
    "vultr": _KEY,
}
"""Provider name to the settings that it uses; ``!`` marks required ones."""

LOCATED: Final = frozenset(
    {"digitalocean", "equinixmetal", "kamatera", "linode", "maxihost", "upcloud", "vultr"}
)
"""Providers whose constructor takes no region, but whose lists or starts need a location: the
setting ``region`` names it.
"""

NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "abiquo": ("endpoint",),
    "azure_arm": ("tenant_id", "subscription_id"),
    "gig_g8": ("api_url",),
    "openstack": ("ex_force_auth_url",),
    "ovh": ("ex_project_id",),
}
"""The ``arguments`` that a provider requires."""

IMAGE_OWNERS: Final = frozenset({"ec2", "eucalyptus", "nimbus", "outscale_inc", "outscale_sas"})
"""Providers that can list the images of one owner."""

DEFAULTS: Final[dict[str, dict[str, str]]] = {
    # Libcloud's own default is version 2, which Amazon no longer accepts everywhere.
    "ec2": {"signature_version": "4"},
    # Libcloud's own default, 1.1, requests images from Nova and a version 2 login from Keystone.
    "openstack": {"api_version": "2.2"},
}
"""Values that the constructor gets unless ``arguments`` has others."""


def taken(provider: str) -> frozenset[str]:
    """Return the settings of :data:`COMMON` that a provider uses."""
    located = ("region",) if provider in LOCATED else ()
    return frozenset((*(word.rstrip("!") for word in _words(provider)), *located))


def required(provider: str) -> tuple[str, ...]:
    """Return the settings of :data:`COMMON` that a provider requires."""
    return tuple(word.rstrip("!") for word in _words(provider) if word.endswith("!"))


def _words(provider: str) -> list[str]:
    # A provider newer than the table may accept every setting; its constructor decides.
    return TAKES.get(provider, " ".join(COMMON)).split()


def names() -> list[str]:
    """Return every provider name of the installed Libcloud."""
    return sorted(str(provider) for provider in _table().DRIVERS)


def load(provider: str) -> Any:
    """Import a provider's module and return its driver class.

    Raises:
        ModuleNotFoundError: the module needs a package that is not installed.
        ImportError: the module is damaged: empty, half written, unreadable.
    """
    try:
        return _table().get_driver(provider)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # a damaged module may raise anything
        module = str(_table().DRIVERS[provider][0])
        # Python keeps an empty module; without this, a repaired file would not be read again.
        sys.modules.pop(module, None)
        raise ImportError(f"{module}: {type(error).__name__}", name=module) from error


def refusal(provider: str) -> str | None:
    """Return why this is not a provider's name, with the nearest valid word; None if it is one."""
    known = names()
    if provider in known:
        return None
    for gone, why in _table().DEPRECATED_DRIVERS.items():
        if provider == str(gone):
            return f"Libcloud no longer has {provider!r}: {why['reason']}"
    return f"Libcloud has no provider {provider!r}{_hint(provider, known)}"


def _hint(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _table() -> Any:
    # Importing Libcloud takes a tenth of a second, which only users of this plugin should pay.
    return importlib.import_module("libcloud.compute.providers")
