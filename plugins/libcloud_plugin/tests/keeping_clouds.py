"""Made-up providers that keep the nodes that they start, and list them again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from any_host import Reply, Request
from paged_clouds import in_json

_TIME = "2026-11-01T12:00:00Z"
_ZONE = "https://www.googleapis.com/compute/v1/projects/mine/zones/zone-a"

Nodes = list[dict[str, Any]]
Api = Callable[[Nodes, Request], dict[str, Any] | list[Any]]


@dataclass
class Keeping:
    """One provider.

    Attributes:
        nodes: the started nodes, as the provider shows them.
        sent: the bodies of the starts.
        loses: whether the answers to starts are lost.
    """

    api: Api
    nodes: Nodes = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    loses: bool = False

    def __call__(self, request: Request) -> Reply:
        before = len(self.nodes)
        answer = self.api(self.nodes, request)
        if len(self.nodes) == before:
            return in_json(answer)
        self.sent.append(json.loads(request.body))
        return Reply(b"{}", 502) if self.loses else in_json(answer)


def digitalocean(nodes: Nodes, request: Request) -> dict[str, Any]:
    what = request.path.removeprefix("/v2/").partition("/")[0]
    if request.method == "POST":
        wished = json.loads(request.body)
        kept = {"id": len(nodes) + 1, "created_at": _TIME, "networks": {}}
        nodes.append({**kept, "name": wished["name"], "tags": wished.get("tags", [])})
        return {"droplet": nodes[-1]}
    numbers = dict.fromkeys(("vcpus", "memory", "disk", "transfer", "price_hourly"), 1)
    listed: dict[str, Any] = {
        "droplets": nodes,
        "images": [],
        "regions": [{"slug": "r", "name": "r", "available": True}],
        "sizes": [{"slug": "s", "regions": ["r"], "price_monthly": 1, **numbers}],
    }
    words = dict.fromkeys(("distribution", "public", "slug", "min_disk_size"), "x")
    image = {"id": "i", "name": "i", "regions": ["r"], "created_at": _TIME, **words}
    around = {"links": {}, "meta": {"total": len(listed[what])}}
    return {what: listed[what], "image": image, **around}


def cloudscale(nodes: Nodes, request: Request) -> Any:
    flavor = {"slug": "s", "name": "s", "vcpu_count": 1, "memory_gb": 1}
    image = {"slug": "i", "name": "i", "operating_system": "x"}
    if request.method == "POST":
        wished = json.loads(request.body)
        kept = {"uuid": f"n-{len(nodes)}", "status": "running", "interfaces": []}
        said = {"name": wished["name"], "tags": wished.get("tags", {})}
        nodes.append({**kept, **said, "flavor": flavor, "image": image})
        return nodes[-1]
    listed = {"servers": nodes, "flavors": [flavor], "images": [image]}
    return listed[request.path.removeprefix("/v1/")]


def upcloud(nodes: Nodes, request: Request) -> dict[str, Any]:
    what = request.path.removeprefix("/1.2/")
    if request.method == "POST":
        wished = json.loads(request.body)["server"]
        kept = {"uuid": f"n-{len(nodes)}", "state": "started", "ip_addresses": {"ip_address": []}}
        nodes.append({**kept, "title": wished["title"], "vnc_password": "v"})
        return {"server": nodes[-1]}
    if what.startswith("server/"):
        return {"server": next(node for node in nodes if what.endswith(node["uuid"]))}
    plan = dict.fromkeys(("core_number", "memory_amount", "storage_size"), 1)
    image = {"uuid": "i", "title": "i", "access": "public", "license": 0, "size": 1}
    images = [{**image, "state": "online", "type": "template"}]
    listed: dict[str, dict[str, Any]] = {
        "server": {"servers": {"server": nodes}},
        "zone": {"zones": {"zone": [{"id": "fi-hel1", "description": "Helsinki"}]}},
        "plan": {
            "plans": {"plan": [{"name": "s", "storage_tier": "x", "public_traffic_out": 1, **plan}]}
        },
        "price": {"prices": {"zone": [{"name": "fi-hel1"}]}},
        "storage/template": {"storages": {"storage": images}},
        "storage/cdrom": {"storages": {"storage": []}},
    }
    return listed[what]


def google(nodes: Nodes, request: Request) -> dict[str, Any]:
    what = request.path.partition("/projects/")[2]
    if request.method == "POST":
        wished = json.loads(request.body)
        kept = {"id": f"n-{len(nodes)}", "zone": _ZONE, "status": "RUNNING"}
        said = {"name": wished["name"], "metadata": wished.get("metadata", {})}
        around = {"tags": {"fingerprint": "f"}, "machineType": f"{_ZONE}/machineTypes/s"}
        nodes.append({**kept, **said, **around})
        return {"name": "done", "status": "DONE", "selfLink": f"{_ZONE}/operations/done"}
    name = what.rpartition("/")[2]
    return _google(nodes).get(what) or next(
        (node for node in nodes if node["name"] == name), {"items": []}
    )


def _google(nodes: Nodes) -> dict[str, dict[str, Any]]:
    zone = {"id": "z", "name": "zone-a", "status": "UP", "selfLink": _ZONE}
    one = {"id": "s", "name": "s", "zone": _ZONE, "selfLink": "x", "guestCpus": 1}
    return {
        "mine/zones": {"items": [zone]},
        "mine/zones/zone-a/machineTypes": {"items": [one]},
        "mine/zones/zone-a/instances": {"items": nodes},
        "mine/aggregated/disks": {"items": {"zones/zone-a": {"disks": []}}},
        "mine/global/images": {"items": [{"id": "i", "name": "i", "selfLink": "y"}]},
        "mine/global/networks/default": {"id": "d", "name": "default", "selfLink": "x"},
        "mine/zones/zone-a/diskTypes/pd-standard": one,
        "mine/zones/zone-a/operations/done": {"name": "done", "status": "DONE"},
    }
