"""The fields of a start at cloudscale.ch."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_core import InvalidParameter, StartField, StartRequest
from orchestrator_libcloud.starts import options
from orchestrator_libcloud.starts.mapping import (
    StartFields,
    StartMapping,
    checked_pairs,
    not_taken,
)
from orchestrator_libcloud.starts.values import ANY, UUID

_OPTIONS: Final[options.Kinds] = {"server_groups": list, "use_ipv6": bool}
"""Further attributes of a server."""


class CloudscaleMapping(StartMapping):
    """The mapping of cloudscale.ch, whose driver passes on attributes as they are."""

    lists = {}  # noqa: RUF012 - annotated by the base class
    ids_only = frozenset({"image", "size"})
    own_options = tuple(_OPTIONS)

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how cloudscale.ch takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": "cloudscale.ch keeps no keys; give ssh_keys",
            "ssh_keys": StartField(),
            "user_data": StartField(),
            "networks": StartField(id_pattern=UUID, note="private networks, by id"),
            "location": StartField(id_pattern=ANY, note="a zone, such as rma1"),
            "public_ip": StartField(note="true by default; false needs networks"),
            "root_disk": StartField(parts=("size",)),
            "tags": StartField(),
            "metadata": "cloudscale.ch keeps no metadata; give tags or user_data",
            "options": StartField(parts=tuple(_OPTIONS), note="attributes of a server"),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``."""
        attributes = options.checked(request.options, _OPTIONS)
        if request.ssh_keys:
            attributes["ssh_keys"] = list(request.ssh_keys)
        if request.user_data is not None:
            attributes["user_data"] = request.user_data
        if request.location is not None:
            attributes["zone"] = request.location
        if request.root_disk is not None and request.root_disk.size is not None:
            attributes["volume_size_gb"] = request.root_disk.size
        if request.tags:
            attributes["tags"] = checked_pairs(request.tags, "tags")
        if interfaces := _interfaces(request):
            attributes["interfaces"] = interfaces
        return {"ex_create_attr": attributes}


def _interfaces(request: StartRequest) -> list[dict[str, str]]:
    """Return the interfaces of a node; none for a single one in the public network."""
    if not request.networks:
        if request.public_ip is False:
            raise InvalidParameter("public_ip", "false needs a private network in networks")
        return []
    public = [] if request.public_ip is False else ["public"]
    return [{"network": network} for network in (*public, *request.networks)]
