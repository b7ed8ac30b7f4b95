"""A Keystone, Nova, Glance and Neutron on loopback, whose addresses and catalogue a test sets.

It accepts a request only with a token that it issued and has not revoked.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from nova_create import TENANT, Project, Refusal

Answer = tuple[int, dict[str, str], bytes]


def in_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode()


def html(status: int) -> Answer:
    return status, {"Content-Type": "text/html"}, b"<html><h1>Not Found</h1></html>"


def fault(status: int, message: str) -> Answer:
    return in_json({"itemNotFound": {"code": status, "message": message}}, status)


@dataclass
class OpenStack:
    """One OpenStack cloud.

    Attributes:
        host: the address on which it listens, ``::1`` for IPv6.
        auth, nova, glance, neutron: the path of each.
        catalog_of: makes the catalogue, if it differs from the usual one.
        seconds: the lifetime of a token.
        delay: seconds that a login takes.
        logins: the bodies of the logins.
        seen: method and path of all other requests.
        refuses: answers every login with 401.
        before: is called before each request; an answer that it returns is sent.
        project: what servers can be made of.
        created: the bodies of the accepted requests for a server.
        page: the most images of a page, if a request has no limit.
    """

    host: str = "127.0.0.1"
    port: int = 0
    auth: str = "/v3"
    nova: str = "/v2.1"
    glance: str = ""
    neutron: str = ""
    catalog_of: Callable[[OpenStack], Any] | None = None
    seconds: float = 3600.0
    delay: float = 0.0
    logins: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    refuses: bool = False
    before: Callable[[str, str, dict[str, str]], Answer | None] | None = None
    servers: list[dict[str, Any]] = field(default_factory=list)
    flavors: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    zones: Any = None
    tokens: set[str] = field(default_factory=set)
    project: Project = field(default_factory=Project)
    created: list[dict[str, Any]] = field(default_factory=list)
    page: int = 1000

    def url(self, path: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{path}"

    def service(self, kind: str, path: str, name: str = "", **more: Any) -> dict[str, Any]:
        """Return a service of a catalogue of Keystone's API v3."""
        around = {"region": "RegionOne", "region_id": "RegionOne", **more}
        ends = [
            {"interface": word, "url": self.url(path), "id": word, **around}
            for word in ("admin", "internal", "public")
        ]
        usual = {"compute": "nova", "image": "glance", "network": "neutron"}
        return {"type": kind, "name": name or usual[kind], "id": kind, "endpoints": ends}

    def catalog(self) -> Any:
        if self.catalog_of is not None:
            return self.catalog_of(self)
        paths = {"compute": self.nova, "image": self.glance, "network": self.neutron}
        return [self.service(kind, path) for kind, path in paths.items()]

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Answer:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        logins = {
            f"{self.auth}/auth/tokens": self._log_in,
            f"{self.auth.removesuffix('/v3')}/v2.0/tokens": self._log_in_2,
        }
        if method == "POST" and parts.path in logins:
            return logins[parts.path](json.loads(body))
        self.seen.append(f"{method} {target}")
        if parts.path.endswith("/auth/tokens"):
            return html(404)
        if headers.get("X-Auth-Token") not in self.tokens:
            return in_json({"error": {"code": 401, "message": "no"}}, 401)
        if self.before and (own := self.before(method, parts.path, query)) is not None:
            return own
        if (method, parts.path) == ("POST", f"{self.nova}/servers"):
            return self._create(json.loads(body))
        return self._serve(target, query)

    def _create(self, body: dict[str, Any]) -> Answer:
        """Make a server, or refuse it as Nova does."""
        try:
            wanted = self.project.check(body)
        except Refusal as refusal:
            return in_json(refusal.body, refusal.status)
        self.created.append(body)
        made = server(
            1000 + len(self.created),
            name=wanted["name"],
            status="BUILD",
            metadata=wanted.get("metadata", {}),
            key_name=wanted.get("key_name"),
            security_groups=wanted.get("security_groups", [{"name": "default"}]),
        )
        self.servers.append(made)
        answer = {"id": made["id"], "links": made["links"], "adminPass": "made-by-nova"}
        return in_json({"server": answer}, 202)

    def _log_in(self, body: dict[str, Any]) -> Answer:
        time.sleep(self.delay)
        self.logins.append(body)
        if self.refuses:
            return in_json({"error": {"code": 401, "message": "no"}}, 401)
        token = f"token-{len(self.logins)}"
        self.tokens.add(token)
        now = 1_700_000_000.0  # its clock is years behind
        moment = "%Y-%m-%dT%H:%M:%S.000000Z"
        told = {
            "issued_at": time.strftime(moment, time.gmtime(now)),
            "expires_at": time.strftime(moment, time.gmtime(now + self.seconds)),
            "catalog": self.catalog(),
            "user": {"id": "u", "name": "u"},
            "roles": [],
        }
        return in_json({"token": told}, 201, **{"X-Subject-Token": token})

    def _log_in_2(self, body: dict[str, Any]) -> Answer:
        """Answer as Keystone's API v2.0 did until its release Queens."""
        self.logins.append(body)
        token = f"token-{len(self.logins)}"
        self.tokens.add(token)
        ends = [{"region": "RegionOne", "publicURL": self.url(self.nova)}]
        catalog = [{"type": "compute", "name": "nova", "endpoints": ends}]
        told = {"id": token, "expires": "2099-01-01T00:00:00Z"}
        return in_json({"access": {"token": told, "serviceCatalog": catalog, "user": {}}})

    def _serve(self, target: str, query: dict[str, str]) -> Answer:
        path = urlsplit(target).path
        nova = path.removeprefix(self.nova) if path.startswith(self.nova) else ""
        if nova == "/servers/detail":
            return in_json(self._part("servers", self.servers, query))
        if nova == "/flavors/detail":
            return in_json({"flavors": self.flavors})
        if nova == "/os-availability-zone":
            return in_json({"availabilityZoneInfo": self.zones})
        for flavor in self.flavors:
            if nova == f"/flavors/{flavor['id']}":
                return in_json({"flavor": flavor})
        if path == f"{self.glance}/v2/images":
            return self._images(target, query)
        return self._thing(path) or fault(404, "The resource could not be found.")

    def _images(self, target: str, query: dict[str, str]) -> Answer:
        """Return a page of images as Glance does, with its filters and its link."""
        name = query.get("name", "")
        operator, colon, value = name.partition(":")
        if colon and operator not in ("in", "eq"):
            return fault(400, f"Unable to filter by unknown operator '{operator}'.")
        names = value.split(",") if operator == "in" else [value if colon else name]
        # MariaDB compares without regard to case.
        wanted = {"name": {one.lower() for one in names}} if name else {}
        wanted |= {key: {query[key].lower()} for key in ("owner", "architecture") if key in query}
        things = [
            thing
            for thing in self.images
            if all(str(thing.get(key)).lower() in values for key, values in wanted.items())
        ]
        page = self._part("images", things, {"limit": str(self.page), **query})
        if page.pop("images_links"):
            given = {**query, "marker": page["images"][-1]["id"]}
            page["next"] = f"/v2/images?{urlencode(given)}"
        return in_json(page)

    def _thing(self, path: str) -> Answer | None:
        """Return one server or image, or a list of what a server can be made of."""
        known: dict[str, Any] = {
            f"{self.nova}/servers/{one['id']}": {"server": one} for one in self.servers
        }
        known |= {f"{self.glance}/v2/images/{one['id']}": one for one in self.images}
        project = self.project
        groups = [
            _named(*one, description="", security_group_rules=[]) for one in project.groups.items()
        ]
        known |= {
            f"{self.nova}/os-keypairs": {"keypairs": [_keypair(n) for n in project.keypairs]},
            f"{self.neutron}/v2.0/networks": {
                "networks": [_named(*one, subnets=[]) for one in project.networks.items()]
            },
            f"{self.neutron}/v2.0/security-groups": {"security_groups": groups},
        }
        return in_json(known[path]) if path in known else None

    @staticmethod
    def _part(key: str, things: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
        """Return a page of a list as Nova and Glance do: sorted, from after the marker on."""
        if "status" in query:
            things = [thing for thing in things if thing["status"] == query["status"]]
        sort = query.get("sort_key")
        if sort is not None:
            things = sorted(things, key=lambda thing: str(thing["id"]))
        if "marker" in query:
            at = next((i for i, one in enumerate(things) if one["id"] == query["marker"]), -1)
            things = things[at + 1 :]
        limit = int(query.get("limit", "1000"))
        found, is_more = things[:limit], len(things) > limit
        link = [{"rel": "next", "href": f"http://h/?marker={found[-1]['id']}"}] if is_more else []
        return {key: found, f"{key}_links": link}


def _named(thing_id: str, name: str, **more: Any) -> dict[str, Any]:
    return {"id": thing_id, "name": name, "tenant_id": TENANT, "status": "ACTIVE", **more}


def _keypair(name: str) -> dict[str, Any]:
    return {"keypair": {"name": name, "fingerprint": "7e:eb", "public_key": "ssh-rsa AAAA x"}}


def server(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"0a1b2c3d-0000-4000-8000-{number:012d}",
        "name": f"vm-{number}",
        "status": "ACTIVE",
        "addresses": {},
        "hostId": "",
        "tenant_id": "t",
        "metadata": {},
        "links": [{"rel": "self", "href": "http://h.invalid/"}],
        "image": {"id": "i"},
        "flavor": {"id": "1"},
        "created": "2026-11-01T12:00:00Z",
        "updated": "2026-11-01T12:00:00Z",
        **more,
    }


def flavor(number: int) -> dict[str, Any]:
    amounts = {"ram": 512 * number, "disk": number, "vcpus": number, "swap": ""}
    return {"id": str(number), "name": f"m1.{number}", **amounts}


def image(number: int, status: str = "active", **more: Any) -> dict[str, Any]:
    times = dict.fromkeys(("updated_at", "created_at"), "2026-11-01T12:00:00Z")
    around = {"min_disk": 0, "min_ram": 0, **times}
    return {"id": f"image-{number}", "name": f"image {number}", "status": status, **around, **more}


class _Server(ThreadingHTTPServer):
    """A server that ends its connections and threads with itself: later tests count garbage."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: a client may disconnect at any time."""


class _Server6(_Server):
    address_family = socket.AF_INET6


@contextmanager
def serving(cloud: OpenStack) -> Iterator[OpenStack]:
    """Serve a cloud on a port of the system's choice."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 30

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, answer = cloud.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def do_PATCH(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, *arguments: Any) -> None: ...

    http = (_Server6 if ":" in cloud.host else _Server)((cloud.host, 0), Handler)
    cloud.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
