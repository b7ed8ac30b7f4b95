"""The fields of a start at UpCloud."""

from __future__ import annotations

import importlib
from typing import Any, Final

from orchestrator_core import StartField, StartRequest
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.starts import options
from orchestrator_libcloud.starts.looked_up import LookedUpMapping
from orchestrator_libcloud.starts.mapping import StartFields, not_taken
from orchestrator_libcloud.starts.values import bare, check_public_ip

_HOSTNAME: Final = "ex_hostname"
_OPTIONS: Final[options.Kinds] = {_HOSTNAME: str, "ex_username": str}
_NOT_IN_HOSTNAMES: Final = Pattern(r"[^A-Za-z0-9.-]+")
_LONGEST_HOSTNAME: Final = 128


class UpcloudMapping(LookedUpMapping):
    """The mapping of UpCloud's API 1.2, the version that Libcloud speaks."""

    image_key = "type"
    size_key = "storage_tier"
    own_options = (_HOSTNAME,)

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how UpCloud takes it, or why it does not; send nothing."""
        newer = "Libcloud speaks UpCloud's API 1.2, which does not have it"
        return not_taken(driver_class) | {
            "keyname": "UpCloud keeps no keys; give ssh_keys",
            "ssh_keys": StartField(
                limit=1, note="for the user ex_username, or root; without a key a password is made"
            ),
            "user_data": newer,
            "networks": newer,
            "firewalls": newer,
            "location": StartField(id_pattern=r"[a-z]{2}-[a-z]{3}[0-9]+", note="a zone"),
            "public_ip": StartField(note="always true"),
            "root_disk": "The plan, which is the size, determines the disk",
            "metadata": newer,
            "options": StartField(
                parts=tuple(_OPTIONS), note="arguments of Libcloud's create_node"
            ),
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``."""
        options.checked(request.options, _OPTIONS)
        check_public_ip(request, "UpCloud")
        # Libcloud's default is localhost.
        arguments: dict[str, Any] = {
            _HOSTNAME: request.options.get(_HOSTNAME) or _hostname(request.name)
        }
        if request.ssh_keys:
            base = importlib.import_module("libcloud.compute.base")
            arguments["auth"] = base.NodeAuthSSHKey(request.ssh_keys[0])
        if request.location is not None:
            arguments["location"] = bare(id=request.location)
        return arguments


def _hostname(name: str) -> str:
    """Return a host name for a title, in which every character is allowed."""
    return _NOT_IN_HOSTNAMES.sub("-", name)[:_LONGEST_HOSTNAME].strip("-.") or "server"
