"""Options of an OpenStack: how to log in and which of its services to use, from all settings.

The words are those of ``clouds.yaml``, which openstacksdk reads and documents:
https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from orchestrator_core import reveal_all
from orchestrator_libcloud.openstack import addresses
from orchestrator_libcloud.openstack.clouds_file import Entry, read
from orchestrator_libcloud.openstack.files import FileFault

AUTH_NAMES: Final = frozenset(
    {
        "auth_url",
        "username",
        "user_id",
        "password",
        "user_domain_id",
        "user_domain_name",
        "project_id",
        "project_name",
        "project_domain_id",
        "project_domain_name",
        "domain_id",
        "domain_name",
        "system_scope",
        "application_credential_id",
        "application_credential_name",
        "application_credential_secret",
    }
)
"""Keys that ``auth`` may have; old names with ``tenant`` are accepted too."""

INTERFACES: Final = ("public", "internal", "admin")
OWN_SETTINGS: Final = ("auth", "clouds_file", "cloud", "interface")
"""The settings that only this provider has."""

_PASSWORD: Final = "3.x_password"  # noqa: S105 - Libcloud's word for a kind of login
_APPLICATION: Final = "3.x_appcred"
_DEFAULT_DOMAIN: Final = "default"


class OptionFault(ValueError):
    """Error: a setting cannot be used.

    Attributes:
        setting: the name of the setting.
        why: the reason, and what to do.
    """

    def __init__(self, setting: str, why: str) -> None:
        super().__init__(f"{setting}: {why}")
        self.setting = setting
        self.why = why


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one OpenStack.

    Attributes:
        auth: the values under ``auth``; empty for a version of Keystone's API before 3.
        version: Libcloud's word for the kind of login.
        region: the region; None for the only one.
        interface: the interface whose addresses are used.
        overrides: the addresses used instead of the catalogue's, by type of service.
        ca_file: certificates to trust, if the clouds file names some.
        arguments: the arguments for the constructor of Libcloud's driver.
    """

    auth: Mapping[str, str] = field(repr=False)
    version: str | None
    region: str | None
    interface: str
    overrides: Mapping[str, str]
    ca_file: Path | None
    arguments: Mapping[str, Any] = field(repr=False)


def resolve(settings: Mapping[str, Any]) -> Options:
    """Return the options of a cloud; read its clouds file and its secrets again.

    A value in the settings is used instead of the clouds file's value.

    Raises:
        OptionFault: a setting is wrong; the error names it.
    """
    entry = _entry(settings)
    try:
        given = {key: reveal_all(value) for key, value in settings.items() if key in _READ}
    except ValueError as error:
        raise OptionFault("secret", str(error)) from None
    arguments = dict(given.get("arguments") or {})
    version = arguments.get("ex_force_auth_version") or entry.version
    auth = {**entry.auth, **_renamed(given.get("auth") or {})}
    _check_names(auth)
    auth = {name: str(value) for name, value in auth.items() if value not in (None, "")}
    url = arguments.get("ex_force_auth_url") or auth.get("auth_url")
    if not url:
        raise OptionFault(
            "arguments", "provider 'openstack' needs ex_force_auth_url here, or auth_url under auth"
        )
    if not isinstance(url, str) or (why := addresses.fault(url)):
        where = "arguments" if "ex_force_auth_url" in arguments else "auth"
        raise OptionFault(where, f"the auth URL {why if isinstance(url, str) else 'is not a text'}")
    auth["auth_url"] = addresses.keystone_root(url)
    version = version or (_APPLICATION if "application_credential_secret" in auth else None)
    if version in (None, _PASSWORD, _APPLICATION):
        auth = _complete(auth, given, arguments, is_application=version == _APPLICATION)
    interface = given.get("interface") or entry.interface or "public"
    return Options(
        auth=auth,
        version=version,
        region=given.get("region") or arguments.get("ex_force_service_region") or entry.region,
        interface=interface,
        overrides=entry.overrides,
        ca_file=entry.ca_file,
        arguments=_for_libcloud(given, arguments, auth, version),
    )


_READ: Final = frozenset({"key", "secret", "region", "arguments", "auth", "interface"})


def _entry(settings: Mapping[str, Any]) -> Entry:
    path = settings.get("clouds_file")
    if path is None:
        if "cloud" in settings:
            raise OptionFault("cloud", "names an entry of clouds_file, which is not set")
        return Entry()
    try:
        return read(path, settings.get("cloud"), settings.get("region"))
    except FileFault as fault:
        raise OptionFault(fault.setting, fault.why) from None


def _renamed(auth: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("tenant", "project"): value for name, value in auth.items()}


def _check_names(auth: Mapping[str, Any]) -> None:
    for name in sorted(auth.keys() - AUTH_NAMES):
        near = difflib.get_close_matches(name, sorted(AUTH_NAMES), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise OptionFault("auth", f"{name} is not a known key{hint}")
    for name in ("auth_url", "username", "password", "project_name"):
        if isinstance(auth.get(name), dict | list | bool):
            raise OptionFault("auth", f"{name} must be a text")


def _complete(
    auth: dict[str, str],
    given: Mapping[str, Any],
    arguments: Mapping[str, Any],
    *,
    is_application: bool,
) -> dict[str, str]:
    """Return the values that a login of version 3 needs, together with Libcloud's own words."""
    key, secret = given.get("key"), given.get("secret")
    if is_application:
        return _application(auth, key, secret)
    if key and "user_id" not in auth:
        auth["username"] = key
    if secret:
        auth["password"] = secret
    for name, argument in _LIBCLOUD.items():
        if arguments.get(argument) and not _has(auth, name):
            auth[name] = str(arguments[argument])
    _spread_domain(auth, str(arguments.get("ex_token_scope") or ""))
    if "username" not in auth and "user_id" not in auth:
        raise OptionFault("key", "provider 'openstack' needs it, or username or user_id under auth")
    if "password" not in auth:
        raise OptionFault("secret", "provider 'openstack' needs it, or password under auth")
    return auth


_LIBCLOUD: Final = {
    "user_domain_name": "ex_domain_name",
    "project_name": "ex_tenant_name",
    "project_domain_id": "ex_tenant_domain_id",
}


def _has(auth: Mapping[str, str], name: str) -> bool:
    """Return whether auth already has a value, as an id or as a name."""
    stem = name.rpartition("_")[0]
    return any(f"{stem}_{suffix}" in auth for suffix in ("id", "name"))


def _spread_domain(auth: dict[str, str], scope: str) -> None:
    """Copy a single domain to user and project, as openstacksdk does if there is a project.

    A named user or project without a domain is in Keystone's first domain.
    """
    if scope == "unscoped":
        for name in ("project_id", "project_name", "system_scope"):
            auth.pop(name, None)
    elif scope == "domain" and not _has(auth, "domain_id"):
        auth["domain_name"] = auth.get("user_domain_name", "Default")
    is_project = scope not in ("unscoped", "domain") and _has(auth, "project_id")
    for suffix in ("id", "name"):
        domain = auth.get(f"domain_{suffix}")
        if domain is None:
            continue
        for whose in ("user", "project"):
            if not _has(auth, f"{whose}_domain_id"):
                auth[f"{whose}_domain_{suffix}"] = domain
    if is_project:
        auth.pop("domain_id", None)
        auth.pop("domain_name", None)
    elif scope == "domain":
        auth.pop("project_id", None)
        auth.pop("project_name", None)
    for whose in ("user", "project"):
        if not _has(auth, f"{whose}_domain_id"):
            auth[f"{whose}_domain_id"] = _DEFAULT_DOMAIN


def _application(auth: dict[str, str], key: str | None, secret: str | None) -> dict[str, str]:
    if key and not _has(auth, "application_credential_id"):
        auth["application_credential_id"] = key
    if secret:
        auth["application_credential_secret"] = secret
    if not _has(auth, "application_credential_id"):
        raise OptionFault("key", "must be the id of the application credential")
    if "application_credential_secret" not in auth:
        raise OptionFault("secret", "must be the secret of the application credential")
    if "application_credential_id" not in auth and not _has_user(auth):
        raise OptionFault(
            "auth", "an application credential with a name instead of an id needs a user"
        )
    if not _has(auth, "user_domain_id"):
        auth["user_domain_id"] = _DEFAULT_DOMAIN
    return auth


def _has_user(auth: Mapping[str, str]) -> bool:
    return "user_id" in auth or "username" in auth


def _for_libcloud(
    given: Mapping[str, Any],
    arguments: dict[str, Any],
    auth: Mapping[str, str],
    version: str | None,
) -> dict[str, Any]:
    """Return the constructor's arguments; it requires some that the login does not need."""
    key = given.get("key") or auth.get("username") or auth.get("user_id") or ""
    secret = given.get("secret") or auth.get("password") or ""
    made = {**arguments, "ex_force_auth_url": auth["auth_url"]}
    if version is not None:
        made["ex_force_auth_version"] = version
    return {"key": key, "secret": secret, **made}


def faults(settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the faults in the settings of an OpenStack, by setting."""
    try:
        resolve(settings)
    except OptionFault as fault:
        return {fault.setting: [fault.why]}
    return {}


def refused(provider: str, settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the settings of another provider that only an OpenStack accepts."""
    given = [name for name in OWN_SETTINGS if name in settings]
    return {
        name: [f"provider {provider!r} does not take it (only openstack does)"] for name in given
    }
