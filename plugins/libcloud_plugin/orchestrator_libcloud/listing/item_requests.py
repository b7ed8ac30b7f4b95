"""Libcloud drivers that send one request for each item of a list, as their code shows.

All other lists take a fixed number of requests and one more for each page. The tests check the
table against the installed Libcloud, and the README's table against this one.
"""

from __future__ import annotations

from typing import Final

ITEM_REQUESTS: Final[dict[str, dict[str, str]]] = {
    "abiquo": {
        "list_nodes": "two for each virtual data centre, one for each virtual appliance",
        "list_images": "two for each repository and virtual data centre",
    },
    "azure_arm": {
        "list_nodes": "one for each node (its power state), network interface and public address",
        "list_images": "one for each publisher, offer and SKU of the region (some thousands)",
    },
    "cloudsigma": {"list_nodes": "one for each node (its drive)"},
    "equinixmetal": {"list_nodes": "one for each project"},
    "gig_g8": {"list_nodes": "two for each network"},
    "kubevirt": {"list_nodes": "one for each namespace"},
    "linode": {"list_nodes": 'one for each node with `api_version = "3.0"`; none with 4.0'},
    "opennebula": {"list_nodes": "one for each node", "list_images": "one for each image"},
    "upcloud": {"list_nodes": "one for each node"},
    "vcl": {"list_nodes": "one or two for each node"},
    "vcloud": {
        "list_nodes": "one for each virtual data centre and vApp",
        "list_images": "one for each virtual data centre, catalogue and entry",
    },
    "vsphere": {
        "list_nodes": "one for each node with the REST driver; one view with the SOAP driver",
        "list_images": "one for each item of the content libraries with the REST driver",
    },
}
"""A driver's module to its lists that send a request for each item."""

NOT_SO: Final[dict[str, str]] = {
    "gce": "volumes and zones are looked up in what was fetched before, each kind at once",
    "dimensiondata": "a loop over pages, and locations that are fetched once",
    "ecs": "a loop over pages",
    "nttcis": "a loop over pages, and locations that are fetched once",
    "vultr": "a loop over pages",
}
"""Drivers whose code looks similar but sends no such requests, with the reason."""
