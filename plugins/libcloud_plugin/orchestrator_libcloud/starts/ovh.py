"""The fields of a start in OVH's public cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_core import InvalidParameter, StartField, StartRequest
from orchestrator_libcloud.starts.mapping import StartFields, StartMapping, not_taken
from orchestrator_libcloud.starts.values import ANY, bare, check_public_ip


class OvhMapping(StartMapping):
    """The mapping of OVH's own API, in front of its OpenStack."""

    ids_only = frozenset({"image", "size"})

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how OVH takes it, or why it does not; send nothing."""
        return not_taken(driver_class) | {
            "keyname": StartField(given_as="name", note="a key of the location"),
            "ssh_keys": "Libcloud's driver takes only keys that OVH keeps; give keyname",
            # A region's id is its name.
            "location": StartField(id_pattern=ANY, note="a region, such as GRA11"),
            "public_ip": StartField(note="always true"),
            "root_disk": "The flavor, which is the size, determines the disk",
            "options": f"Provider {driver_class.name} has no further parameters in Libcloud",
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``."""
        check_public_ip(request, "OVH")
        return self.key(driver, request.keyname) | self.location(driver, request.location)

    def location(self, driver: Any, location: str | None) -> dict[str, Any]:
        """Return the argument with the location, of which the driver reads only the id."""
        return {} if location is None else {"location": bare(id=location)}

    def create(self, driver: Any, arguments: Mapping[str, Any]) -> Any:
        """Create the node; Libcloud first looks its key up in the location.

        Raises:
            InvalidParameter: the location does not have the key; nothing was created.
        """
        try:
            return super().create(driver, arguments)
        except Exception as error:
            if type(error) is not Exception or not str(error).startswith("No key named"):
                raise
            key, place = arguments["ex_keyname"], arguments["location"].id
            reason = f"the location {place} has no key {key!r}"
            raise InvalidParameter("keyname", reason) from error
