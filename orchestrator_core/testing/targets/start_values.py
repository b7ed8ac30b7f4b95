"""Values for the optional fields of a start, and the comparison with what a fake has received."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from orchestrator_core.clouds.references import LISTS
from orchestrator_core.testing.targets.api import Json
from orchestrator_core.testing.targets.cloud import CloudUnderTest
from orchestrator_core.testing.targets.target import DoesNotApply
from orchestrator_core.validation.start_fields import MAX_USER_DATA

_USER_DATA: Final = "#cloud-config\n# Ελλάδα 中文 'single' \"double\" \\ $HOME & <tag>\n"

_VALUES: Final[Mapping[str, Any]] = {
    "keyname": "a-key",
    "ssh_keys": [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIiOhdgnPPnzwT1N2qCsjbPSXsDaElnsMTPyfdqhO+FS a-comment"
    ],
    "user_data": _USER_DATA,
    "networks": ["a-network"],
    "firewalls": ["a-firewall"],
    "location": "a-location",
    "public_ip": True,
    "root_disk": {"size": 40, "keep": True},
    "volumes": [{"size": 5, "keep": True}],
    "tags": {"purpose": "conformance"},
    "spot": True,
    "metadata": {"project": "conformance"},
    "options": {"no-such-option": "a-value"},
}
"""A well-formed value of each field."""

_MOST_REFERENCES: Final = 2


def well_formed(field: str) -> Any:
    """Return a well-formed value of a field, which names nothing that exists."""
    return _VALUES[field]


def listed(cloud: CloudUnderTest, field: str) -> list[Json]:
    """Return what a field can name; nothing if it names nothing, or the cloud has no list."""
    if field not in LISTS:
        return []
    hook, _ = LISTS[field]
    if not cloud.operations()[hook]["supported"]:
        return []
    return cloud.listed(hook.removeprefix("list_"))


def value_of(cloud: CloudUnderTest, field: str) -> Any:
    """Return a value of a field that the cloud should accept.

    Raises:
        DoesNotApply: The fake must name one, and does not.
    """
    if field in cloud.fake.start_values:
        return cloud.fake.start_values[field]
    how = cloud.start_fields()[field]
    if field in LISTS:
        return _references(field, [thing["id"] for thing in listed(cloud, field)], how["limit"])
    value = _VALUES[field]
    if field == "user_data":
        return _filled(value, how["max_bytes"])
    parts = how["parts"]
    if field in ("root_disk", "volumes") and parts is not None:
        return _with_parts(field, value, parts)
    return value


def _references(field: str, ids: list[str], limit: int | None) -> Any:
    if not ids:
        raise DoesNotApply(f"the cloud lists nothing for {field}, and start_values has no value")
    if field in ("networks", "firewalls"):
        return ids[: _MOST_REFERENCES if limit is None else min(limit, _MOST_REFERENCES)]
    return ids[0]


def _filled(text: str, max_bytes: int | None) -> str:
    """Return a text of exactly the length that the cloud claims to take."""
    if max_bytes is None:
        return text
    return text + "#" * (min(max_bytes, MAX_USER_DATA) - len(text.encode()))


def _with_parts(field: str, value: Any, parts: list[str]) -> Any:
    disk = value[0] if field == "volumes" else value
    taken = {name: one for name, one in disk.items() if name in parts}
    if not taken:
        raise DoesNotApply(f"{field} has only {', '.join(parts)}, and start_values has no value")
    return [taken] if field == "volumes" else taken


def fault(cloud: CloudUnderTest, field: str, sent: Any, got: Any) -> str:
    """Return what is wrong with a received field; empty if nothing is."""
    compare = _COMPARE.get(field, _is_equal)
    if field in LISTS:
        same = _same_references(listed(cloud, field), sent, got)
    else:
        same = compare(sent, got)
    return "" if same else f"{field}: the start had {_short(sent)}, the cloud got {_short(got)}"


def _same_references(things: Iterable[Json], sent: Any, got: Any) -> bool:
    """Return whether two references, or lists of them, mean the same things in the same order."""
    id_of = {one["name"]: one["id"] for one in things}
    wanted, found = ([one] if isinstance(one, str) else list(one or ()) for one in (sent, got))
    return [id_of.get(one, one) for one in found] == [id_of.get(one, one) for one in wanted]


def _is_equal(sent: Any, got: Any) -> bool:
    return bool(sent == got)


def _contains(sent: Any, got: Any) -> bool:
    """Return whether an object has all keys of another, with the same values."""
    return isinstance(got, Mapping) and all(
        key in got and got[key] == value for key, value in sent.items()
    )


def _contains_keys(sent: list[str], got: Any) -> bool:
    """Return whether all keys are there; a cloud may drop their comments."""
    found = [line.split()[:2] for line in got or ()]
    return all(line.split()[:2] in found for line in sent)


def _same_volumes(sent: list[Json], got: Any) -> bool:
    return len(sent) == len(got or ()) and all(map(_contains, sent, got))


def _same_spot(sent: Any, got: Any) -> bool:
    if sent is True:
        return got is not None and got is not False
    return _contains(sent, got)


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "ssh_keys": _contains_keys,
    "root_disk": _contains,
    "volumes": _same_volumes,
    "tags": _contains,
    "spot": _same_spot,
    "metadata": _contains,
    "options": _contains,
}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"  # noqa: PLR2004
