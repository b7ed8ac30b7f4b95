"""Reader of ``clouds.yaml`` (with its ``secure.yaml``) and openrc files.

openstacksdk itself is not used: it installs 18 packages, cryptography among them, to read a YAML
file. The rules are those of its documentation: a single cloud need not be named, ``secure.yaml``
beside the file is merged over it, a profile comes from ``clouds-public.yaml``, ``-`` and ``_`` are
the same in keys, and the first of several regions is the default.
https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from orchestrator_libcloud.openstack import files, openrc
from orchestrator_libcloud.openstack.files import FileFault

_YAML: Final = (".yaml", ".yml", ".json")
_TYPES: Final = {
    "password": None,
    "v3password": None,
    "v3applicationcredential": "3.x_appcred",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file's entry for one cloud.

    Attributes:
        auth: the values under ``auth``.
        version: Libcloud's word for the kind of login; None for a password.
        region: the region; None if the entry has none.
        interface: the interface; None if the entry has none.
        overrides: the addresses used instead of the catalogue's, by type of service.
        ca_file: certificates to trust.
    """

    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)
    version: str | None = None
    region: str | None = None
    interface: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    ca_file: Path | None = None


def read(path: Path, cloud: str | None, region: str | None = None) -> Entry:
    """Return a file's entry for a cloud.

    Args:
        path: ``.yaml``, ``.yml`` or ``.json`` for a clouds file; any other name for an openrc file.
        cloud: the entry's name; optional if there is only one entry.
        region: the settings' region, which is used instead of the file's.

    Raises:
        FileFault: the file or the entry cannot be used; the error says why.
    """
    if path.suffix.lower() in _YAML:
        return _to_entry(path, _merged(path, cloud), region)
    if cloud is not None:
        raise FileFault(
            "cloud", "is only for a clouds.yaml; clouds_file is not a YAML or JSON file"
        )
    return _to_entry(path, openrc.read(path), region)


def _load(path: Path, section: str = "clouds") -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - most clouds need no clouds.yaml, and its import takes 20 ms

    try:
        found = yaml.safe_load(files.text_of(path))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FileFault("clouds_file", f"{path} is not YAML (line {line})") from None
    except yaml.YAMLError:
        raise FileFault("clouds_file", f"{path} is not YAML") from None
    clouds = found.get(section) if isinstance(found, dict) else None
    if not isinstance(clouds, dict):
        raise FileFault("clouds_file", f"{path} has no {section!r} in it")
    return {str(name): entry for name, entry in clouds.items()}


def _beside(path: Path, stem: str) -> Path | None:
    candidates = (path.with_name(stem + suffix) for suffix in _YAML)
    return next((file for file in candidates if file.is_file()), None)


def _merged(path: Path, cloud: str | None) -> dict[str, Any]:
    clouds = _load(path)
    secure = _beside(path, "secure")
    secrets = _load(secure) if secure is not None and secure != path else {}
    name = _chosen(path, cloud, [*clouds, *(one for one in secrets if one not in clouds)])
    entry = _over(_keys(path, name, clouds), _keys(path, name, secrets))
    profile = entry.pop("profile", entry.pop("cloud", None))
    return entry if profile is None else _over(_profile(path, str(profile)), entry)


def _chosen(path: Path, cloud: str | None, known: list[str]) -> str:
    if cloud is None:
        if len(known) == 1:
            return known[0]
        raise FileFault("cloud", f"must name one of the clouds in {path}: {_words(known)}")
    if cloud not in known:
        near = difflib.get_close_matches(cloud, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {_words(known)}"
        raise FileFault("cloud", f"{path} has no cloud {cloud!r}; {hint}")
    return cloud


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _keys(path: Path, name: str, clouds: Mapping[str, Any]) -> dict[str, Any]:
    entry = clouds.get(name) or {}
    if not isinstance(entry, dict):
        raise FileFault("clouds_file", f"the cloud {name!r} in {path} must be a table")
    made = {str(key).replace("-", "_"): value for key, value in entry.items()}
    auth = made.get("auth") or {}
    if not isinstance(auth, dict):
        raise FileFault("clouds_file", f"auth of the cloud {name!r} in {path} must be a table")
    made["auth"] = {str(key).replace("-", "_"): value for key, value in auth.items()}
    return made


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    auth = {**(below.get("auth") or {}), **(above.get("auth") or {})}
    return {**below, **above, "auth": auth}


def _profile(path: Path, profile: str) -> dict[str, Any]:
    public = _beside(path, "clouds-public")
    known = _load(public, "public-clouds") if public is not None else {}
    if profile not in known:
        raise FileFault(
            "clouds_file",
            f"{path} uses the profile {profile!r}, which is not in a clouds-public.yaml beside it; "
            "the profiles of openstacksdk are not supported: write auth_url into the "
            "entry instead",
        )
    return _keys(public or path, profile, known)


def _to_entry(path: Path, found: dict[str, Any], region: str | None) -> Entry:
    auth = {
        str(key).replace("tenant", "project"): value
        for key, value in found["auth"].items()
        if value not in (None, "")
    }
    for name in _OUTSIDE:
        old = name.replace("project", "tenant")
        value = found.get(name, found.get(old))
        if value not in (None, "") and name not in auth:
            auth[name] = value
    _check_kind(path, found)
    chosen = region or _region(path, found)
    url = auth.get("auth_url")
    if isinstance(url, str) and "{region_name}" in url:
        auth["auth_url"] = url.replace("{region_name}", chosen or "")
    interface = found.get("interface") or found.get("endpoint_type")
    ca_file = found.get("cacert")
    return Entry(
        auth=auth,
        version=_TYPES.get(str(found.get("auth_type", "password"))),
        region=chosen,
        interface=_interface(path, interface),
        overrides=_overrides(found),
        ca_file=(path.parent / Path(str(ca_file)).expanduser()) if ca_file else None,
    )


_OUTSIDE: Final = (
    "username",
    "password",
    "project_id",
    "project_name",
    "auth_url",
    *(f"{who}domain_{suffix}" for who in ("user_", "project_", "") for suffix in ("id", "name")),
)
"""Keys that old files have beside ``auth``."""


def _check_kind(path: Path, found: Mapping[str, Any]) -> None:
    kind = str(found.get("auth_type", "password"))
    if kind not in _TYPES:
        raise FileFault(
            "clouds_file",
            f"{path} has auth_type {kind!r}; supported are {_words(_TYPES)}",
        )
    version = str(found.get("identity_api_version") or "3")
    if not version.startswith("3"):
        raise FileFault(
            "clouds_file", f"{path} has version {version} of Keystone's API; only 3 is supported"
        )
    verify = found.get("verify", True)
    if verify in (False, "false", "False") or found.get("insecure") in (True, "true", "True"):
        raise FileFault(
            "clouds_file",
            f"{path} turns off the check of certificates, which is not supported; name the "
            "cloud's own certificates in cacert or in the setting ca_file",
        )


def _region(path: Path, found: Mapping[str, Any]) -> str | None:
    """Return ``region_name``, else the first of ``regions``, each a text or a table with a name."""
    named = found.get("region_name")
    if named not in (None, ""):
        return str(named)
    regions = found.get("regions")
    if not regions:
        return None
    if not isinstance(regions, list):
        raise FileFault("clouds_file", f"regions in {path} must be a list")
    first = regions[0]
    return str(first.get("name") if isinstance(first, dict) else first)


def _interface(path: Path, value: Any) -> str | None:
    if value in (None, ""):
        return None
    word = str(value[0] if isinstance(value, list) and value else value).removesuffix("URL")
    if word not in ("public", "internal", "admin"):
        raise FileFault(
            "clouds_file", f"interface in {path} must be public, internal or admin, not {word!r}"
        )
    return word


def _overrides(found: Mapping[str, Any]) -> dict[str, str]:
    tails = ("_endpoint_override", "_endpoint")
    return {
        key.removesuffix(tail): str(value)
        for key, value in found.items()
        for tail in tails
        if key.endswith(tail) and value
    }
