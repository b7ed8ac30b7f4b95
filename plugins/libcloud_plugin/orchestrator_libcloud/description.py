"""Description of a configured cloud, made without a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator_core import CloudDescription
from orchestrator_libcloud.openstack.options import OptionFault, resolve
from orchestrator_libcloud.regions import endpoint

_URL_ARGUMENTS: Final = ("ex_force_auth_url", "url", "api_url", "endpoint", "uri", "host")
_NO_HOST: Final = "127.0.0.1"  # Libcloud's base class has it for a driver that names no host


def describe(settings: Mapping[str, Any], driver_class: Any) -> CloudDescription:
    """Describe a cloud by its settings and its driver's class."""
    provider = settings["provider"]
    # Old drivers have a number as their type, or none.
    kind = getattr(driver_class.type, "value", driver_class.type)
    return CloudDescription(
        provider=kind if isinstance(kind, str) and kind else provider,
        display_name=str(driver_class.name or provider),
        host=_host(settings, driver_class),
    )


def _host(settings: Mapping[str, Any], driver_class: Any) -> str | None:
    if "host" in settings:
        return str(settings["host"])
    arguments = settings["arguments"]
    given = [arguments.get(name) for name in _URL_ARGUMENTS]
    for address in (*given, _auth_url(settings)):
        # Only the name: the rest of a URL may hold a user and a password.
        if isinstance(address, str) and (host := _host_in(address)):
            return host
    if known := endpoint(settings["provider"], settings.get("region")):
        return known
    host = getattr(driver_class.connectionCls, "host", None)
    return host if isinstance(host, str) and host not in ("", _NO_HOST) else None


def _auth_url(settings: Mapping[str, Any]) -> str | None:
    """Return the auth URL of an OpenStack whose settings name it in another place."""
    if "clouds_file" not in settings and "auth" not in settings:
        return None
    try:
        return resolve(settings).auth["auth_url"]
    except OptionFault:
        return None  # each call will report the fault


def _host_in(address: str) -> str | None:
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None
