"""The fields of a start at Scaleway."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_core import StartField, StartRequest
from orchestrator_libcloud.patterns import Pattern
from orchestrator_libcloud.starts.looked_up import LookedUpMapping
from orchestrator_libcloud.starts.mapping import StartFields, not_taken
from orchestrator_libcloud.starts.values import tag_words

_TAG: Final = Pattern(r".{1,255}")


class ScalewayMapping(LookedUpMapping):
    """The mapping of Scaleway.

    Libcloud creates the server and switches it on with a second request. If the second one fails,
    the marker among the tags finds the server.
    """

    image_key = "size"
    size_key = "max_disk"
    # Libcloud would send all later requests of the driver object to the host with the keys.
    lists = {}  # noqa: RUF012 - annotated by the base class

    def fields(self, driver_class: Any) -> StartFields:
        """Return for each field how Scaleway takes it, or why it does not; send nothing."""
        keys = "Scaleway puts every key of the account on a node"
        return not_taken(driver_class) | {
            "keyname": keys,
            "ssh_keys": keys,
            # Libcloud keeps the zone of one request for all later ones of the same driver object,
            # so that lists would show the nodes of another zone.
            "location": "A cloud of the settings is one zone; its host determines which one",
            "root_disk": "The size of a node determines its disk",
            "volumes": "Libcloud's driver fails with volumes",
            "tags": StartField(note="as words, key:value"),
            "options": f"Provider {driver_class.name} has no further parameters in Libcloud",
        }

    def arguments(self, driver: Any, request: StartRequest) -> dict[str, Any]:
        """Return the arguments of ``create_node``."""
        if not request.tags:
            return {}
        return {"ex_tags": tag_words(request.tags, _TAG, "at most 255 characters")}
