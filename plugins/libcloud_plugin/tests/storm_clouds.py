"""Clouds that keep the nodes that they start, each behind a storm of wrong answers."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from any_host import Reply, Request
from json_clouds import _flavor, _image, _server, _token

from tests import loopback

Answer = Callable[[Request], Reply]

_PATIENCE: Final = 120.0
"""Seconds for one answer of moto, which keeps every instance that it ever had."""

_TIME: Final = "2026-11-01T12:00:00Z"
_AMAZON: Final = "http://ec2.amazonaws.com/doc/2016-11-15/"


def in_json(value: Any, status: int = 200) -> Reply:
    """Return a JSON reply."""
    headers = (("Content-Type", "application/json"),)
    return Reply(json.dumps(value).encode(), status, headers)


@dataclass
class Vms:
    """The VMs of a cloud: a VM's own description by its id. Ids are never reused.

    Attributes:
        made: the number of VMs ever made.
        markers: the markers of all VMs ever made, to find a start that was made twice.
    """

    there: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: int = 0
    markers: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, describe: Callable[[int], dict[str, Any]], marker: str | None) -> dict[str, Any]:
        with self.lock:
            self.made += 1
            vm = describe(self.made)
            self.there[str(vm["id"])] = vm
            self.markers += [marker] if marker else []
            return vm

    def remove(self, node_id: str) -> bool:
        with self.lock:
            return self.there.pop(node_id, None) is not None

    def shown(self) -> list[dict[str, Any]]:
        with self.lock:
            return list(self.there.values())

    def ids(self) -> set[str]:
        with self.lock:
            return set(self.there)


class OpenStack:
    """Keystone, Glance and the part of Nova that a VM's life needs.

    Args:
        port: the port on which it is served.
    """

    def __init__(self, port: Callable[[], int]) -> None:
        self.vms = Vms()
        self.refuses: Reply | None = None
        self.seen: list[tuple[str, str]] = []
        self._port = port

    def __call__(self, request: Request) -> Reply:
        if request.path.endswith("/auth/tokens"):
            return _token(self._port())
        self.seen.append((request.method, request.path))
        what = request.path.removeprefix("/v2.1").removeprefix("/v2").strip("/").split("/")
        if what[0] == "images":
            return in_json({"images": [_image("i")]} if len(what) == 1 else _image(what[1]))
        if what[0] == "flavors" and what[1:] in ([], ["detail"]):
            return in_json({"flavors": [_flavor("s")]})
        if what[0] == "flavors":
            return in_json({"flavor": _flavor(what[1])})
        return self._servers(request, what[1:])

    def _servers(self, request: Request, what: list[str]) -> Reply:
        if request.method == "POST" and not what:
            return self.refuses or self._create(json.loads(request.body)["server"])
        if what == ["detail"]:
            return in_json({"servers": self.vms.shown()})
        found = self.vms.there.get(what[0])
        if found is None:
            message = f"Instance {what[0]} could not be found."
            return in_json({"itemNotFound": {"code": 404, "message": message}}, 404)
        if request.method == "DELETE":
            self.vms.remove(what[0])
            return Reply(b"", 204)
        return in_json({"server": found})

    def _create(self, wished: dict[str, Any]) -> Reply:
        metadata = wished.get("metadata", {})

        def describe(number: int) -> dict[str, Any]:
            node_id = f"00000000-0000-4000-8000-{number:012d}"
            own = {"id": node_id, "name": wished["name"], "metadata": metadata}
            return {**_server(wished["name"]), **own}

        return in_json(
            {"server": self.vms.make(describe, metadata.get("orchestrator-marker"))}, 202
        )


class DigitalOcean:
    """The part of DigitalOcean's second API that a VM's life needs."""

    def __init__(self) -> None:
        self.vms = Vms()

    def __call__(self, request: Request) -> Reply:
        what = request.path.removeprefix("/v2/").split("/")
        if what[0] == "droplets":
            return self._droplets(request, what[1:])
        words = dict.fromkeys(("distribution", "public", "slug", "min_disk_size"), "x")
        image = {"id": "i", "name": "i", "regions": ["r"], "created_at": _TIME, **words}
        if len(what) > 1:
            return in_json({"image": image})
        numbers = dict.fromkeys(("vcpus", "memory", "disk", "transfer", "price_hourly"), 1)
        listed: dict[str, list[Any]] = {
            "images": [image],
            "regions": [{"slug": "r", "name": "r", "available": True}],
            "sizes": [{"slug": "s", "regions": ["r"], "price_monthly": 1, **numbers}],
        }
        return self._listed(what[0], listed[what[0]])

    def _listed(self, name: str, items: list[Any]) -> Reply:
        return in_json({name: items, "links": {}, "meta": {"total": len(items)}})

    def _droplets(self, request: Request, what: list[str]) -> Reply:
        if request.method == "POST":
            wished = json.loads(request.body)
            tags = wished.get("tags", [])

            def describe(number: int) -> dict[str, Any]:
                kept = {"id": number, "created_at": _TIME, "networks": {}, "status": "active"}
                return {**kept, "name": wished["name"], "tags": tags}

            return in_json({"droplet": self.vms.make(describe, tags[0] if tags else None)}, 202)
        if not what:
            return self._listed("droplets", self.vms.shown())
        if request.method == "DELETE" and self.vms.remove(what[0]):
            return Reply(b"", 204)
        return in_json({"id": "not_found", "message": "The resource could not be found."}, 404)


class Amazon:
    """A proxy to moto's EC2 on another port."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def __call__(self, request: Request) -> Reply:
        url = f"{self._url}{request.path}?{urlencode(request.query)}"
        # Moto requires a signature of the right form and does not verify it.
        scope = "AKIAIOSFODNN7EXAMPLE/20261101/eu-west-1/ec2/aws4_request, SignedHeaders=host"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=x",
            "Host": "ec2.eu-west-1.amazonaws.com",
        }
        if request.body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with loopback.client(timeout=_PATIENCE) as once:
            answer = once.request(request.method, url, content=request.body, headers=headers)
        return Reply(answer.content, answer.status_code, (("Content-Type", "text/xml"),))

    def ids(self) -> set[str]:
        """Return the existing instances."""
        return {
            item.findtext(f"{{{_AMAZON}}}instanceId") or ""
            for item in self._items("DescribeInstances", "instancesSet")
            if item.findtext(f"{{{_AMAZON}}}instanceState/{{{_AMAZON}}}name") != "terminated"
        }

    def image(self) -> str:
        """Return an image for starts."""
        found = self._items("DescribeImages", "imagesSet")
        return next(item.findtext(f"{{{_AMAZON}}}imageId") or "" for item in found)

    def _items(self, action: str, name: str) -> list[ET.Element]:
        reply = self(Request("GET", "/", {"Action": action, "Version": "2016-11-15"}, b""))
        root = ET.fromstring(reply.body)  # noqa: S314 - moto's
        return [item for found in root.iter(f"{{{_AMAZON}}}{name}") for item in found]


_PAGE: Final = b"<html><head><title>Oops</title></head><body><h1>Try again</h1></body></html>"
_HTML: Final = (("Content-Type", "text/html"),)
_OWN: Final = {
    404: {"message": "The resource could not be found.", "code": 404},
    403: {"message": "You are not allowed to do this.", "code": 403},
    429: {"message": "Too many requests.", "code": 429},
    500: {"message": "Something went wrong.", "code": 500},
    503: {"message": "Come back later.", "code": 503},
}

BEFORE: Final = [
    *(in_json(body, status) for status, body in _OWN.items()),
    *(Reply(_PAGE, status, _HTML) for status in (200, 403, 404, 500, 502, 503, 504)),
    Reply(b"", 404),
    Reply(b"", 502),
]
"""Replies to requests that never reach the cloud."""

AFTER: Final = [
    *(in_json(_OWN[status], status) for status in (500, 503)),
    *(Reply(_PAGE, status, _HTML) for status in (200, 403, 404, 500, 502, 504)),
    Reply(b"", 504),
]
"""Replies in place of the cloud's own: the cloud has carried out the request."""


class Storm:
    """Wrong replies at random, until the storm is switched off.

    Args:
        answer: the cloud.
        seed: of its random numbers.
        rate: the share of requests that it hits.
    """

    def __init__(self, answer: Answer, seed: int, rate: float = 0.2) -> None:
        self._answer = answer
        self._random = random.Random(seed)
        self._rate = rate
        self._lock = threading.Lock()
        self.is_calm = False
        self.hits = 0
        self.requests = 0

    def __call__(self, request: Request) -> Reply:
        kind, chance, pick = self._draw()
        if self.is_calm or request.path.endswith("/auth/tokens") or chance >= self._rate:
            return self._answer(request)
        self.hits += 1
        if kind == "before":
            return BEFORE[int(pick * len(BEFORE))]
        reply = self._answer(request)
        if kind == "after":
            return AFTER[int(pick * len(AFTER))]
        return _shortened(reply, pick if kind == "short" else 0.0)

    def _draw(self) -> tuple[str, float, float]:
        with self._lock:
            self.requests += 1
            kind = self._random.choices(["before", "after", "short", "empty"], [6, 3, 1, 1])[0]
            return kind, self._random.random(), self._random.random()


def _shortened(reply: Reply, part: float) -> Reply:
    """Return a list with only a part of its items, as if complete, and other replies unchanged."""
    if reply.body.startswith(b"<"):
        return _shortened_xml(reply, part)
    try:
        value = json.loads(reply.body)
    except ValueError:
        return reply
    for name in ("servers", "droplets"):
        if isinstance(value.get(name), list):
            value[name] = value[name][: int(part * len(value[name]))]
            if "meta" in value:
                value["meta"]["total"] = len(value[name])
            return in_json(value, reply.status)
    return reply


def _shortened_xml(reply: Reply, part: float) -> Reply:
    ET.register_namespace("", _AMAZON)
    root = ET.fromstring(re.sub(rb"^\s*<\?xml[^>]*\?>", b"", reply.body))  # noqa: S314 - moto's
    found = root.find(f"{{{_AMAZON}}}reservationSet")
    if found is None:
        return reply
    kept = list(found)[: int(part * len(found))]
    for item in list(found):
        if item not in kept:
            found.remove(item)
    return Reply(ET.tostring(root), reply.status, reply.headers)
