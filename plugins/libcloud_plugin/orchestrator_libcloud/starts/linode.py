"""The fields of a start at Linode (Akamai)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from orchestrator_core import InvalidParameter, StartField, StartRequest
from orchestrator_libcloud.listing.fetch_all import fetch_all
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.starts.mapping import StartFields, StartMapping, not_taken
from orchestrator_libcloud.starts.options import Kinds
from orchestrator_libcloud.starts.values import (
    ANY,
    NUMBERED_KEYS,
    add_password,
    check_public_ip,
    generate_password,
    tag_words,
)

_OPTIONS: Final = {
    "ex_authorized_users": list,
    "ex_backups_enabled": bool,
    "ex_private_ip": bool,
    "root_pass": str,
}
_NAME: Final = Pattern(r"[a-zA-Z](?:(?!--|__|\.\.)[a-zA-Z0-9._-]){2,63}")
_TAG: Final = Pattern(r".{3,50}")


class LinodeMapping(StartMapping):
    """The mapping of Linode's API 4."""

    lists = {"list_keypairs": NUMBERED_KEYS}  # noqa: RUF012 - annotated by the base class
    known_options: ClassVar[Kinds] = _OPTIONS
    ids_only = frozenset({"image", "size"})

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how Linode takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": StartField(id_pattern=ANY, note="a key of the user's profile, for root"),
            "ssh_keys": StartField(note="for root"),
            "user_data": StartField(
                max_bytes=65_535, note="on images and in regions with Linode's metadata service"
            ),
            "location": StartField(id_pattern=r"[a-z]{2}-[a-z0-9-]+"),
            "public_ip": StartField(note="always true"),
            "root_disk": "The size of a Linode determines its disk",
            "tags": StartField(note="as words, key:value"),
            "metadata": "Linode keeps no metadata; give tags or user_data",
            "options": StartField(
                parts=tuple(_OPTIONS), note="arguments of Libcloud's create_node"
            ),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``, with a password for root if none is given."""
        check_public_ip(request, "Linode")
        if not _NAME.fullmatch(request.name):
            reason = (
                "must begin with a letter and have 3 to 64 letters, digits, hyphens, underscores "
                "and periods, the last three never twice in a row"
            )
            raise InvalidParameter("name", reason)
        arguments: dict[str, Any] = {}
        if "root_pass" not in request.options:
            arguments["root_pass"] = generate_password()
        keys = list(request.ssh_keys)
        if request.keyname is not None:
            keys.append(_public_key(driver, request.keyname))
        if keys:
            arguments["ex_authorized_keys"] = keys
        if request.user_data is not None:
            # Libcloud's docstring wants it encoded, and then encodes it.
            arguments["ex_userdata"] = request.user_data
        if request.tags:
            arguments["ex_tags"] = tag_words(request.tags, _TAG, "3 to 50 characters")
        if request.location is not None:
            base = importlib.import_module("libcloud.compute.base")
            place = request.location
            arguments["location"] = base.NodeLocation(place, place, "", driver)
        return arguments

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Create the node, and keep the password with it if it was generated."""
        return add_password(super().create(driver, arguments), arguments["root_pass"])


def _public_key(driver: Any, reference: str) -> str:
    """Return a key of the profile by its number or label; Linode takes keys by content.

    Raises:
        InvalidParameter: there is no such key, or several have the label.
    """
    known = fetch_all(driver, "list_key_pairs", driver.list_key_pairs)
    found = [key for key in known if str(key.extra["id"]) == reference]
    found = found or [key for key in known if key.name == reference]
    if len(found) == 1:
        return str(found[0].public_key)
    if not found:
        raise InvalidParameter("keyname", f"there is no key {reference!r} in the user's profile")
    numbers = ", ".join(str(key.extra["id"]) for key in found)
    raise InvalidParameter(
        "keyname", f"several keys are named {reference!r}; give one of {numbers}"
    )
