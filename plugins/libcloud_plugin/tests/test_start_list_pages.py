"""Lists of what a start can name that a provider sends in several pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from refused_parts import PROJECT, in_json
from start_cases import core

from orchestrator_libcloud import LibcloudDriver

Serve = Callable[..., LibcloudDriver]
Page = dict[str, Any]

_AZURE = "https://management.azure.com/subscriptions/s/providers/Microsoft.Network"


def _digitalocean(number: int) -> Page:
    last = {"pages": {"next": "https://api.digitalocean.com/v2/vpcs?page=2"}}
    vpc = {"id": f"id-{number}", "name": "v", "ip_range": "10.0.0.0/24", "region": "nyc3"}
    return {"vpcs": [vpc], "links": last if number == 1 else {}, "meta": {"total": 2}}


def _digitalocean_keys(number: int) -> Page:
    last = {"pages": {"next": "https://api.digitalocean.com/v2/account/keys?page=2"}}
    key = {"id": f"id-{number}", "name": "k", "fingerprint": "f", "public_key": "p"}
    return {"ssh_keys": [key], "links": last if number == 1 else {}, "meta": {"total": 2}}


def _vultr(number: int) -> Page:
    links = {"next": "2" if number == 1 else "", "prev": ""}
    group = {"id": f"id-{number}", "description": "web"}
    return {"firewall_groups": [group], "meta": {"total": 2, "links": links}}


def _linode(number: int) -> Page:
    key = {"id": f"id-{number}", "label": "k", "ssh_key": "p"}
    return {"data": [key], "page": number, "pages": 2, "results": 2}


def _google(number: int) -> Page:
    more = {"nextPageToken": "2"} if number == 1 else {}
    return {"items": [{"name": "rule", "targetTags": [f"id-{number}"]}], **more}


def _google_subnets(number: int) -> Page:
    more = {"nextPageToken": "2"} if number == 1 else {}
    region = f"{PROJECT}/regions/r{number}"
    return {
        "items": {f"regions/r{number}": {"subnetworks": [{"name": "n", "region": region}]}},
        **more,
    }


def _azure(number: int) -> Page:
    more = {"nextLink": f"{_AZURE}/networkSecurityGroups?$skiptoken=2"} if number == 1 else {}
    return {"value": [{"id": f"id-{number}", "name": "web"}], **more}


def _azure_networks(number: int) -> Page:
    more = {"nextLink": f"{_AZURE}/virtualnetworks?$skiptoken=2"} if number == 1 else {}
    subnets = [{"id": f"id-{number}", "name": "front", "properties": {}}]
    net = {"id": f"net-{number}", "name": "lab", "location": "westeurope"}
    return {"value": [{**net, "properties": {"subnets": subnets}}], **more}


@pytest.mark.parametrize(
    ("provider", "hook", "page"),
    [
        ("digitalocean", "list_networks", _digitalocean),
        ("digitalocean", "list_keypairs", _digitalocean_keys),
        ("vultr", "list_firewalls", _vultr),
        ("linode", "list_keypairs", _linode),
        ("gce", "list_firewalls", _google),
        ("gce", "list_networks", _google_subnets),
        ("azure_arm", "list_firewalls", _azure),
        ("azure_arm", "list_networks", _azure_networks),
    ],
)
def test_every_page_is_read(
    served: Serve, provider: str, hook: str, page: Callable[[int], Page]
) -> None:
    def answer(request: Request) -> Reply:
        if request.path.endswith("/oauth2/token"):
            return in_json({"access_token": "t", "expires_on": "4102444800"})
        if request.path.endswith("/zones"):
            return in_json({"items": []})
        wanted = ("page", "cursor", "pageToken", "$skiptoken")
        return in_json(page(2 if "2" in [request.query.get(name) for name in wanted] else 1))

    found = [one.id for one in core(served(provider, answer)).read(hook)]
    expected = ["id-1", "id-2"]
    if page is _google_subnets:
        expected = ["regions/r1/subnetworks/n", "regions/r2/subnetworks/n"]
    assert found == expected
