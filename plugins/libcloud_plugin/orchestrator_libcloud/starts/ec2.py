"""The fields of a start on Amazon EC2 and on clouds with the same API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator_core import InvalidParameter
from orchestrator_libcloud.nodes.convert import to_firewall, to_network
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import StartMapping

_MOST_TAGS: Final = 48
"""Amazon's limit for one resource is 50. EC2-compatible clouds may create the instance first and
refuse its tags afterwards. Source: AWS, "Tag your Amazon EC2 resources", tag restrictions.
"""


class Ec2Mapping(StartMapping):
    """The mapping of EC2."""

    lists = {  # noqa: RUF012 - annotated by the base class
        **StartMapping.lists,
        "list_networks": StartList(
            "ex_list_subnets", lambda one: to_network(one, cidr=one.extra.get("cidr_block"))
        ),
        "list_firewalls": StartList(
            "ex_get_security_groups",
            lambda one: to_firewall(one, description=one.extra.get("description")),
        ),
    }

    def metadata(self, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the argument with the metadata, which are tags."""
        if metadata and len(metadata) > _MOST_TAGS:
            raise InvalidParameter(
                "metadata",
                f"must have at most {_MOST_TAGS} entries: a node has 50 tags, and its name and "
                "Orchestrator's marker are two of them",
            )
        if metadata and "Name" in metadata:
            raise InvalidParameter("metadata", "the tag 'Name' is the node's name; use name")
        return super().metadata(metadata)
