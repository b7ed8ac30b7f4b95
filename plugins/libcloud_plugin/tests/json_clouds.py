"""List protocols of providers that speak JSON, two items on a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from any_host import Reply, Request
from paged_clouds import Api, Cloud, in_json


def keystone_and_co(port: Callable[[], int]) -> Api:
    def api(cloud: Cloud, request: Request) -> Reply:
        if request.path.endswith("/auth/tokens"):
            return _token(port())
        number = int(request.query.get("marker", "1"))
        after = cloud.after(number)
        base = f"http://127.0.0.1:{port()}{request.path}"
        link = [{"rel": "next", "href": f"{base}?marker={after}"}] if after else []
        if request.path.endswith("/images"):
            extra = {"next": f"/v2/images?marker={after}"} if after else {}
            return in_json({**cloud.named("images", number, _image), **extra})
        if request.path.endswith("/flavors/detail"):
            return in_json({**cloud.named("flavors", number, _flavor), "flavors_links": link})
        return in_json({**cloud.named("servers", number, _server), "servers_links": link})

    return api


def _token(port: int) -> Reply:
    kinds = (("compute", "nova", "/v2.1"), ("image", "glance", ""))
    catalog = [
        {
            "type": kind,
            "name": name,
            "endpoints": [
                {
                    "interface": "public",
                    "region": "RegionOne",
                    "region_id": "RegionOne",
                    "url": f"http://127.0.0.1:{port}{path}",
                }
            ],
        }
        for kind, name, path in kinds
    ]
    token = {
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "catalog": catalog,
        "user": {"id": "u", "name": "u"},
        "roles": [],
    }
    body = json.dumps({"token": token}).encode()
    return Reply(body, 201, (("X-Subject-Token", "t"), ("Content-Type", "application/json")))


def _image(name: str) -> dict[str, Any]:
    times = dict.fromkeys(("updated_at", "created_at"), "2026-11-01T12:00:00Z")
    return {"id": name, "name": name, "status": "active", "min_disk": 0, "min_ram": 0, **times}


def _flavor(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "ram": 512, "disk": 1, "vcpus": 1, "swap": ""}


def _server(name: str) -> dict[str, Any]:
    times = dict.fromkeys(("updated", "created"), "2026-11-01T12:00:00Z")
    around = {
        "addresses": {},
        "hostId": "",
        "tenant_id": "t",
        "links": [{"rel": "self", "href": "x"}],
    }
    return {"id": name, "name": name, "status": "ACTIVE", "metadata": {}, **around, **times}


def digitalocean(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("page", "1"))
    after = cloud.after(number)
    base = "https://api.digitalocean.com/v2/droplets?page="
    pages = {"next": f"{base}{after}", "last": f"{base}{cloud.last}"} if after else {}
    droplets = cloud.named("droplets", number, _droplet)
    return in_json({**droplets, "links": {"pages": pages}, "meta": {"total": cloud.last * 2}})


def _droplet(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "created_at": "2026-11-01T12:00:00Z", "networks": {}}


def vultr(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("cursor", "1"))
    cursor = str(cloud.after(number) or "")
    around = {"city": "c", "country": "NL", "continent": "e", "options": []}
    regions = cloud.named("regions", number, lambda one: {"id": one, **around})
    return in_json({**regions, "meta": {"total": 6, "links": {"next": cursor, "prev": ""}}})


def linode(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("page", "1"))
    data = cloud.named("data", number, _region)
    shown = 1 if cloud.mode == "stuck" else number
    return in_json({**data, "page": shown, "pages": cloud.last, "results": cloud.last * 2})


def _region(name: str) -> dict[str, Any]:
    return {"id": name, "country": "nl", "capabilities": [], "status": "ok", "resolvers": {}}


def equinix(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("page", "1"))
    key, make = "devices", _device
    if request.path.endswith("/projects"):
        return in_json({"projects": [{"id": "p", "name": "p"}]})
    shown = 1 if cloud.mode == "stuck" else number
    meta = {"current_page": shown, "last_page": cloud.last, "total": cloud.last * 2}
    return in_json({**cloud.named(key, number, make), "meta": meta})


def _device(name: str) -> dict[str, Any]:
    return {"id": name, "hostname": name, "state": "active"}


def scaleway(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("page", "1"))
    headers = [("X-Total-Count", str(cloud.last * 2))]
    after = cloud.after(number)
    if "/products/" in request.path:
        servers = {one: _product() for one in cloud.page(number)}
        if after:
            headers.append(("Link", f'<{request.path}?page={after}&per_page=2>; rel="next"'))
        return in_json({"servers": servers}, *headers)
    return in_json(cloud.named("servers", number, _scaled), *headers)


def _product() -> dict[str, Any]:
    sums = dict.fromkeys(("sum_internal_bandwidth", "sum_internet_bandwidth"), 1)
    words = {"arch": "x86", "baremetal": False, "alt_names": [], "availability": "available"}
    numbers = {"ncpus": 1, "ram": 1, "monthly_price": 1.0, "hourly_price": 0.1}
    return {
        **words,
        **numbers,
        "volumes_constraint": None,
        "network": {**sums, "ipv6_support": True},
    }


def _scaled(name: str) -> dict[str, Any]:
    none = dict.fromkeys(("public_ip", "private_ip", "location"))
    words = {"state": "running", "arch": "x86", "organization": "o", "volumes": {}, "tags": []}
    return {"id": name, "name": name, "creation_date": "2026-11-01T12:00:00Z", **none, **words}


def cloudstack(cloud: Cloud, request: Request) -> Reply:
    command = request.query["command"].lower()
    inner: dict[str, Any] = {}
    number = int(request.query.get("page", "1"))
    if command == "listvirtualmachines":
        inner = cloud.named("virtualmachine", number, _machine) | {"count": cloud.last * 2}
    elif command == "listserviceofferings":
        rest = {"name": "s", "memory": 1, "cpunumber": 1}
        inner = cloud.named("serviceoffering", number, lambda one: {"id": one, **rest})
        inner["count"] = cloud.last * 2
    return in_json({f"{command}response": inner})


def old_cloudstack(_: Cloud, request: Request) -> Reply:
    begin = 500 * (int(request.query.get("page", "1")) - 1)
    rest = {"name": "s", "memory": 1, "cpunumber": 1}
    page = [{"id": str(number), **rest} for number in range(600)[begin : begin + 500]]
    inner = {"serviceoffering": page, "count": len(page)}
    return in_json({"listserviceofferingsresponse": inner if page else {}})


def _machine(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "state": "Running", "nic": []}


def azure(cloud: Cloud, request: Request) -> Reply:
    if request.path.endswith("/oauth2/token"):
        return in_json({"access_token": "t", "expires_on": "4102444800"})
    if not request.path.endswith("/virtualMachines"):
        return in_json({"statuses": []})
    number = int(request.query.get("$skiptoken", "1"))
    value: dict[str, Any] = cloud.named("value", number, _azure_machine)
    if after := cloud.after(number):
        base = f"https://management.azure.com{request.path}"
        value["nextLink"] = f"{base}?api-version=2018-06-01&$skiptoken={after}"
    return in_json(value)


def _azure_machine(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "properties": {"networkProfile": {"networkInterfaces": []}}}


def google(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("pageToken", "1"))
    after = {"nextPageToken": str(cloud.after(number))} if cloud.after(number) else {}
    what = request.path.rpartition("/")[2]
    if what == "zones":
        zones = [
            {"id": "z", "name": "zone-a", "status": "UP", "selfLink": "https://g/zones/zone-a"}
        ]
        return in_json({"items": zones})
    if what == "disks":
        return in_json({"items": {"zones/zone-a": {"warning": {"code": "NO_RESULTS_ON_PAGE"}}}})
    if what == "images":
        return _google_images(cloud, request, number, after)
    items = {"zones/zone-a": {what: [_google_item(one) for one in cloud.page(number)]}}
    return in_json({"items": items, **after, **_google_warning(cloud, number)})


def _google_warning(cloud: Cloud, number: int) -> dict[str, Any]:
    unreachable = {"warning": {"code": "UNREACHABLE"}}
    return unreachable if cloud.mode == "unreachable" and number > 1 else {}


def _google_images(cloud: Cloud, request: Request, number: int, after: Any) -> Reply:
    project = request.path.split("/")[4]
    if project in ("mine", "debian-cloud"):
        names = cloud.page(number) if project == "mine" else ["public"]
        items = [{"id": one, "name": one, "status": "READY"} for one in names]
        return in_json({"items": items, **(after if project == "mine" else {})})
    status = 503 if cloud.mode == "half" and project == "rhel-cloud" else 404
    error = {"code": status, "message": "no", "errors": [{"reason": "notFound"}]}
    body = json.dumps({"error": error}).encode()
    return Reply(body, status, (("Content-Type", "application/json"),))


def _google_item(name: str) -> dict[str, Any]:
    zone = "https://www.googleapis.com/compute/v1/projects/mine/zones/zone-a"
    both = {"id": name, "name": name, "zone": zone, "status": "RUNNING", "guestCpus": 1}
    return {**both, "tags": {"fingerprint": "f"}, "machineType": f"{zone}/machineTypes/m"}


def outscale(cloud: Cloud, request: Request) -> Reply:
    number = int(json.loads(request.body).get("NextPageToken", "1"))
    vms = cloud.named("Vms", number, lambda one: {"VmId": one, "State": "running", "Tags": []})
    after = cloud.after(number)
    return in_json({**vms, **({"NextPageToken": str(after)} if after else {})})


def cloudscale(cloud: Cloud, _: Request) -> Reply:
    around = {"name": "n", "vcpu_count": 1, "memory_gb": 1}
    sizes = [{"slug": one, **around} for one in cloud.page(1)]
    linked = cloud.mode == "linked"
    return in_json(sizes, *([("Link", '</v1/flavors?page=2>; rel="next"')] if linked else []))


def cloudsigma(cloud: Cloud, _: Request) -> Reply:
    total = 3 if cloud.mode == "counted" else 2
    drives = cloud.named("objects", 1, lambda one: {"uuid": one, "name": one, **_DRIVE})
    return in_json({**drives, "meta": {"limit": 0, "offset": 0, "total_count": total}})


_DRIVE = {
    **dict.fromkeys(("description", "arch", "os", "media"), "x"),
    "image_type": "preinst",
    "licenses": [],
    "meta": {},
}
