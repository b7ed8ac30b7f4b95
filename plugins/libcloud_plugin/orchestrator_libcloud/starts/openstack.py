"""The fields of a start on OpenStack."""

from __future__ import annotations

from orchestrator_libcloud.nodes.convert import to_firewall, to_network
from orchestrator_libcloud.starts.lists import StartList
from orchestrator_libcloud.starts.mapping import StartMapping


class OpenstackMapping(StartMapping):
    """The mapping of OpenStack since Nova's API version 2."""

    lists = {  # noqa: RUF012 - annotated by the base class
        **StartMapping.lists,
        "list_networks": StartList("ex_list_networks", to_network),
        "list_firewalls": StartList(
            "ex_list_security_groups", lambda one: to_firewall(one, description=one.description)
        ),
    }
