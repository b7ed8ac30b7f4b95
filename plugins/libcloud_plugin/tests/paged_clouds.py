"""Just enough of the list protocols of some providers, with two items on a page."""

from __future__ import annotations

import json
import time
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from any_host import Reply, Request

ALL = [f"id-{number}" for number in range(1, 7)]
_LAST = 3
_MANY = 99


class FailsNow(Exception):
    pass


@dataclass
class Cloud:
    """Six items on three pages.

    Attributes:
        mode: ``whole``, or what is wrong. ``fails`` and ``bare``: from the second page on, with an
            error or without the list. ``repeats``: the first page for ever; ``stuck``: at the
            second. ``shifts``: a page begins with the last item of the one before. ``slow``.
        seen: the requests.
    """

    mode: str = "whole"
    seen: list[Request] = field(default_factory=list)

    def page(self, number: int) -> list[str]:
        if number > 1 and self.mode == "fails":
            raise FailsNow
        if number > 1 and self.mode == "repeats":
            return ALL[:2]
        begin = 2 * (number - 1)
        overlap = 1 if number > 1 and self.mode == "shifts" else 0
        return ALL[begin - overlap : begin + 2]

    def after(self, number: int) -> int | None:
        if self.mode == "stuck":
            return 2
        return number + 1 if self.mode == "repeats" or number < _LAST else None

    @property
    def last(self) -> int:
        return _MANY if self.mode in ("repeats", "stuck") else _LAST

    def named(self, key: str, number: int, make: Callable[[str], Any]) -> dict[str, Any]:
        items = [make(one) for one in self.page(number)]
        return {} if number > 1 and self.mode == "bare" else {key: items}


Api = Callable[[Cloud, Request], Reply]


def answering(cloud: Cloud, api: Api) -> Callable[[Request], Reply]:
    def answer(request: Request) -> Reply:
        cloud.seen.append(request)
        if cloud.mode == "slow":
            time.sleep(0.25)
        try:
            return api(cloud, request)
        except FailsNow:
            return Reply(b'{"error": "down", "message": "down", "errors": []}', 500)

    return answer


def _json(value: Any, *headers: tuple[str, str]) -> Reply:
    return Reply(
        json.dumps(value).encode(), headers=(("Content-Type", "application/json"), *headers)
    )


def _xml(text: str) -> Reply:
    return Reply(text.encode(), headers=(("Content-Type", "text/xml"),))


def amazon(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("NextToken", "token-1")[-1])
    after = cloud.after(number)
    token = f"<nextToken>token-{after}</nextToken>" if after else ""
    action = request.query["Action"]
    items = ""
    if action == "DescribeInstances":
        one = "<item><instancesSet><item><instanceId>{}</instanceId></item></instancesSet></item>"
        items = "".join(one.format(name) for name in cloud.page(number))
        items = f"<reservationSet>{items}</reservationSet>{token}"
    elif action == "DescribeImages":
        one = "<item><imageId>{0}</imageId><imageState>available</imageState></item>"
        items = "".join(one.format(name) for name in cloud.page(number))
        items = f"<imagesSet>{items}</imagesSet>{token}"
    namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
    return _xml(f'<{action}Response xmlns="{namespace}">{items}</{action}Response>')


def alibaba(cloud: Cloud, request: Request) -> Reply:
    action = request.query["Action"]
    if action == "DescribeInstanceTypes":
        number = int(request.query.get("NextToken", "1"))
        kind = "<InstanceTypeId>{}</InstanceTypeId><CpuCoreCount>1</CpuCoreCount>"
        one = f"<InstanceType>{kind}<MemorySize>1</MemorySize></InstanceType>"
        items = "".join(one.format(name) for name in cloud.page(number))
        tail = f"<NextToken>{cloud.after(number) or ''}</NextToken>"
        return _xml(f"<Response><InstanceTypes>{items}</InstanceTypes>{tail}</Response>")
    number = int(request.query.get("PageNumber", "1"))
    one = "<Instance><InstanceId>{}</InstanceId><InstanceName>n</InstanceName></Instance>"
    items = "".join(one.format(name) for name in cloud.page(number))
    counts = f"<TotalCount>{cloud.last * 2}</TotalCount><PageSize>2</PageSize>"
    return _xml(
        f"<Response><PageNumber>{number}</PageNumber>{counts}"
        f"<Instances>{items}</Instances></Response>"
    )


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
            return _json({**cloud.named("images", number, _image), **extra})
        if request.path.endswith("/flavors/detail"):
            return _json({**cloud.named("flavors", number, _flavor), "flavors_links": link})
        return _json({**cloud.named("servers", number, _server), "servers_links": link})

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
    return _json({**droplets, "links": {"pages": pages}, "meta": {"total": cloud.last * 2}})


def _droplet(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "created_at": "2026-11-01T12:00:00Z", "networks": {}}


def vultr(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("cursor", "1"))
    cursor = str(cloud.after(number) or "")
    around = {"city": "c", "country": "NL", "continent": "e", "options": []}
    regions = cloud.named("regions", number, lambda one: {"id": one, **around})
    return _json({**regions, "meta": {"total": 6, "links": {"next": cursor, "prev": ""}}})


def linode(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("page", "1"))
    data = cloud.named("data", number, _region)
    shown = 1 if cloud.mode == "stuck" else number
    return _json({**data, "page": shown, "pages": cloud.last, "results": cloud.last * 2})


def _region(name: str) -> dict[str, Any]:
    return {"id": name, "country": "nl", "capabilities": [], "status": "ok", "resolvers": {}}


def equinix(cloud: Cloud, request: Request) -> Reply:
    number = int(request.query.get("page", "1"))
    key, make = "devices", _device
    if request.path.endswith("/projects"):
        return _json({"projects": [{"id": "p", "name": "p"}]})
    shown = 1 if cloud.mode == "stuck" else number
    meta = {"current_page": shown, "last_page": cloud.last, "total": cloud.last * 2}
    return _json({**cloud.named(key, number, make), "meta": meta})


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
        return _json({"servers": servers}, *headers)
    return _json(cloud.named("servers", number, _scaled), *headers)


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
    return _json({f"{command}response": inner})


def _machine(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "state": "Running", "nic": []}


def azure(cloud: Cloud, request: Request) -> Reply:
    if request.path.endswith("/oauth2/token"):
        return _json({"access_token": "t", "expires_on": "4102444800"})
    if not request.path.endswith("/virtualMachines"):
        return _json({"statuses": []})
    number = int(request.query.get("$skiptoken", "1"))
    value: dict[str, Any] = cloud.named("value", number, _azure_machine)
    if after := cloud.after(number):
        base = f"https://management.azure.com{request.path}"
        value["nextLink"] = f"{base}?api-version=2018-06-01&$skiptoken={after}"
    return _json(value)


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
        return _json({"items": zones})
    if what == "disks":
        return _json({"items": {"zones/zone-a": {"warning": {"code": "NO_RESULTS_ON_PAGE"}}}})
    if what == "images":
        return _google_images(cloud, request, number, after)
    items = {"zones/zone-a": {what: [_google_item(one) for one in cloud.page(number)]}}
    return _json({"items": items, **after, **_google_warning(cloud, number)})


def _google_warning(cloud: Cloud, number: int) -> dict[str, Any]:
    unreachable = {"warning": {"code": "UNREACHABLE"}}
    return unreachable if cloud.mode == "unreachable" and number > 1 else {}


def _google_images(cloud: Cloud, request: Request, number: int, after: Any) -> Reply:
    project = request.path.split("/")[4]
    if project in ("mine", "debian-cloud"):
        names = cloud.page(number) if project == "mine" else ["public"]
        items = [{"id": one, "name": one, "status": "READY"} for one in names]
        return _json({"items": items, **(after if project == "mine" else {})})
    status = 503 if cloud.mode == "half" and project == "rhel-cloud" else 404
    error = {"code": status, "message": "no", "errors": [{"reason": "notFound"}]}
    body = json.dumps({"error": error}).encode()
    return Reply(body, status, (("Content-Type", "application/json"),))


def _google_item(name: str) -> dict[str, Any]:
    zone = "https://www.googleapis.com/compute/v1/projects/mine/zones/zone-a"
    both = {"id": name, "name": name, "zone": zone, "status": "RUNNING", "guestCpus": 1}
    return {**both, "tags": {"fingerprint": "f"}, "machineType": f"{zone}/machineTypes/m"}


def ntt(cloud: Cloud, request: Request) -> Reply:
    if request.path.endswith("/myaccount"):
        urn = "http://oec.api.opsource.net/schemas/directory"
        return _xml(f'<Account xmlns="{urn}"><orgId>o</orgId></Account>')
    number = int(request.query.get("pageNumber", "1"))
    items = "".join(f'<datacenter id="{one}"/>' for one in cloud.page(number))
    here = 2 if cloud.after(number) else 1
    counts = f'pageNumber="{number}" pageCount="{here}" pageSize="2"'
    return _xml(
        f'<datacenters xmlns="urn:didata.com:api:cloud:types" {counts}>{items}</datacenters>'
    )


def outscale(cloud: Cloud, request: Request) -> Reply:
    number = int(json.loads(request.body).get("NextPageToken", "1"))
    vms = cloud.named("Vms", number, lambda one: {"VmId": one, "State": "running", "Tags": []})
    after = cloud.after(number)
    return _json({**vms, **({"NextPageToken": str(after)} if after else {})})


def cloudscale(cloud: Cloud, _: Request) -> Reply:
    around = {"name": "n", "vcpu_count": 1, "memory_gb": 1}
    sizes = [{"slug": one, **around} for one in cloud.page(1)]
    linked = cloud.mode == "linked"
    return _json(sizes, *([("Link", '</v1/flavors?page=2>; rel="next"')] if linked else []))


def cloudsigma(cloud: Cloud, _: Request) -> Reply:
    total = 3 if cloud.mode == "counted" else 2
    drives = cloud.named("objects", 1, lambda one: {"uuid": one, "name": one, **_DRIVE})
    return _json({**drives, "meta": {"limit": 0, "offset": 0, "total_count": total}})


_DRIVE = {
    **dict.fromkeys(("description", "arch", "os", "media"), "x"),
    "image_type": "preinst",
    "licenses": [],
    "meta": {},
}


def gandi(cloud: Cloud, _: Request) -> Reply:
    items = [{"disk_id": one, "label": one} for one in range(100 if cloud.mode == "full" else 99)]
    return _xml(xmlrpc.client.dumps((items,), methodresponse=True))


_ABIQUO = "https://abiquo.invalid/api"
_VDC = (
    f'<virtualDatacenter><link rel="location" href="{_ABIQUO}/dc/1"/>'
    f'<link rel="edit" href="{_ABIQUO}/vdc"/><hypervisorType>K</hypervisorType>'
    "</virtualDatacenter>"
)
_REPOSITORY = (
    f'<datacenterRepository><link rel="datacenter" href="{_ABIQUO}/dc/1"/>'
    f'<link rel="virtualmachinetemplates" href="{_ABIQUO}/templates"/>'
    f'<link rel="edit" href="{_ABIQUO}/repository"/></datacenterRepository>'
)
_AROUND = {
    "/api/login": f'<user><link rel="enterprise" href="{_ABIQUO}/enterprise"/></user>',
    "/api/enterprise": "<enterprise><id>1</id></enterprise>",
    "/api/admin/datacenters": "<datacenters/>",
    "/api/admin/enterprises/1/datacenterrepositories/": f"<all>{_REPOSITORY}</all>",
    "/api/cloud/virtualdatacenters": f"<virtualDatacenters>{_VDC}</virtualDatacenters>",
    "/api/vdc": _VDC,
}


def abiquo(cloud: Cloud, request: Request) -> Reply:
    if request.path in _AROUND:
        return _xml(_AROUND[request.path])
    number = int(request.query.get("startwith", "1"))
    after = cloud.after(number)
    link = f'<link rel="next" href="{_ABIQUO}/templates?startwith={after}"/>' if after else ""
    more = "<totalSize>9</totalSize>" if cloud.mode == "counted" else ""
    one = "<virtualMachineTemplate><id>{0}</id><name>{0}</name></virtualMachineTemplate>"
    items = "".join(one.format(name) for name in cloud.page(number))
    return _xml(f"<templates>{link}{more}{items}</templates>")
