"""Random requests for every route: well-formed HTTP, with anything in the caller's fields."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_from_bytes

from tests.fuzz.bodies import body_for
from tests.fuzz.routes import PARAMETERS, Pair, Route

CLOUDS: Final = ("fake_driver", "stormy", "bare", "gone")
FAILING: Final = frozenset({"stormy"})

_ODD_SEGMENTS: Final = (
    *(b"x", b"\0", b"%", b"..", b".", b"a b", b"\xff", "é".encode(), b"a" * 3000, b"?", b"#", b";"),
    *(
        b"*",
        b"'",
        b'"',
        b"1;--",
        b"{cloud}",
        b"\r\n",
        b"99999999999999999999",
        b"-1",
        b"\xed\xa0\x80",
    ),
)
_ODD_VALUES: Final = (
    *(
        b"",
        b"0",
        b"1",
        b"-1",
        b"00",
        b"01",
        b"2",
        b"100",
        b"1000",
        b"999999999",
        b"1e3",
        b"9" * 400,
    ),
    *(
        b"\0",
        b"\xff",
        b"a" * 1024,
        b"a" * 1025,
        b"a" * 3000,
        "é".encode(),
        b" ",
        b"*",
        b",",
        b"a,b",
    ),
    *(b"running", b"active", b"start_vm", b"succeeded", b"1", b"ops", b"given", b"app", b"dummy-1"),
    *(
        b"fake_driver",
        b"0.1s",
        b"0s",
        b"-created_at,name",
        b"team=a",
        b"!team",
        b"dummy-*",
        b"team in (a",
    ),
)

_HEADERS: Final = (
    *(f"Idempotency-Key: k{n}" for n in range(20)),
    *("Idempotency-Key:", "Idempotency-Key: " + "k" * 255, "Idempotency-Key: " + "k" * 256),
    *("Idempotency-Key: a\r\nIdempotency-Key: b", "Idempotency-Key: \xff", "Idempotency-Key: a,b"),
    *("Prefer: respond-async", "Prefer: respond-async; wait=1", "Prefer: wait=10", "Prefer: ,;,="),
    *("Prefer: " + "respond-async," * 500, "Accept: text/html", "Accept: " + "*/*;q=0.1," * 700),
    *("Accept: \xff", "Accept: application/json;q=0", "Accept-Language: " + "x," * 3000),
    *("X-Request-ID: mine", "X-Request-ID: " + "x" * 128, "X-Request-ID: " + "x" * 129),
    *("X-Request-ID: a\xe9", "X-Request-ID: a\r\nX-Request-ID: b", "X-Request-ID: {}"),
    *("Cache-Control: no-cache", "Cache-Control: max-age=0", "Cache-Control: max-age=99999999999"),
    *("Cache-Control: " + "max-age=1," * 700, "Pragma: no-cache", "Cache-Control: max-age=-1"),
    *("Content-Encoding: gzip", "Content-Encoding: identity", "Content-Encoding: br, gzip"),
    *("If-None-Match: *", "If-Match: x", "Range: bytes=0-1", "Cookie: " + "a=b;" * 1900),
    *("X-Forwarded-Prefix: /clouds", "X-Forwarded-Prefix: /../..", "X-Forwarded-Host: evil"),
    *("X-HTTP-Method-Override: DELETE", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"),
    *("Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Expect: 100-continue"),
    *("If-Modified-Since: yesterday", "Date: x", "From: \x80", "Max-Forwards: 0", "DNT: 1"),
)
_HINTS: Final = (
    *("latency=0.05", "latency=-1", "latency=nan", "latency=" + "9" * 256, "latency=" + "9" * 257),
    *(
        "fault=error",
        "error=quota",
        "error=invalid_answer",
        "error=conflict",
        "error=nosuch",
        "lost_answer",
    ),
    *("retry_after=30", "retry_after=inf", "empty", "none", "operations=start_vm; error=failed"),
    *("unknown=1", "", ";", "=", "a=b=c", "latency=1;latency=2", "A=1", "fault=\xe9", "rate_limit"),
    *("visible_after=0.3", "; ".join(f"x{n}=1" for n in range(700)), "fault=error,empty"),
)
_TYPES: Final = (
    *("application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded", ""),
    *("multipart/form-data; boundary=x", "application/json; charset=latin-1", "application/jsonx"),
    *("application/json" + ";a=b" * 1500, "\xff", "application/json; charset=", "APPLICATION/JSON"),
)


_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE")
_SCHEMES: Final = ("Authorization: Bearer ", "X-Auth-Token: ", "Authorization: bearer ")
_NO_TOKENS: Final = ("Authorization: Bearer \xff", "X-Auth-Token: x", "Authorization: ")
_ODD_NAMES: Final = (b"unknown", b"", b"limit[]", b"\xff", b"limit", b"a" * 300)


@dataclass(slots=True)
class Known:
    """Ids from earlier answers.

    Attributes:
        nodes: ids of VMs that were started, by cloud.
        records: ids of operations, assignments and orphans, by the name that paths have for them.
    """

    nodes: dict[str, list[str]] = field(default_factory=dict)
    records: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, body: Mapping[str, Any]) -> None:
        """Take the ids of records from a successful answer."""
        for kind in ("operation", "assignment", "orphan"):
            listed = body.get(f"{kind}s")
            told = [body.get(kind), *(listed[:5] if isinstance(listed, list) else ())]
            ids = [one["id"] if isinstance(one, dict) else one for one in told if one]
            self.records.setdefault(f"{kind}_id", []).extend(ids)


@dataclass(frozen=True, slots=True)
class RouteInput:
    """One request.

    Attributes:
        cloud: the cloud in the path, or the default one.
        fails: whether the cloud may fail, by its settings or because the request asks for it.
    """

    route: Route
    method: str
    target: bytes
    headers: tuple[bytes, ...]
    body: bytes | None
    cloud: str
    fails: bool

    @property
    def permitted(self) -> frozenset[Pair]:
        """Return the documented pairs of status and error code."""
        return self.route.pairs(self.method, fails=self.fails)

    @property
    def data(self) -> bytes:
        """Return the request's bytes."""
        lines = [self.method.encode() + b" " + self.target + b" HTTP/1.1", *self.headers]
        if self.body is not None:
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + (self.body or b"")


class Maker:
    """A maker of random requests.

    Args:
        routes: the application's routes.
        tokens: valid tokens.
    """

    def __init__(self, routes: Sequence[Route], tokens: Sequence[str]) -> None:
        self._routes = routes
        self._tokens = tokens

    def make(self, seed: int, number: int, known: Known) -> RouteInput:
        """Return the request of this number, which may use ids that are known by now."""
        chance = random.Random(f"{seed}:{number}")
        route = chance.choice(self._routes)
        useful = [one for one in route.methods if one != "OPTIONS"] or route.methods
        method = chance.choice(useful)
        if chance.random() < 0.07:
            method = chance.choice(_METHODS)
        path, cloud = self._path(chance, route, known)
        headers, fails = self._headers(chance)
        body = None
        if route.schema is not None and method in ("POST", "PUT"):
            body = body_for(chance, route.schema, known.nodes.get(cloud, ["1"])[-40:], 0.5)
            kind = "application/json" if chance.random() < 0.95 else chance.choice(_TYPES)
            headers.append(f"Content-Type: {kind}")
        elif chance.random() < 0.04:
            body = chance.choice((b"", b"{}", b"hello", b"x" * 70_000))
        sent = tuple(header.encode("latin-1") for header in headers)
        fails = fails or cloud in FAILING
        query = self._query(chance, route.parameters or PARAMETERS)
        return RouteInput(route, method, path + query, sent, body, cloud, fails)

    def _path(self, chance: random.Random, route: Route, known: Known) -> tuple[bytes, str]:
        cloud, path = CLOUDS[0], route.path
        for name in route.names:
            if name == "cloud":
                cloud = chance.choice(CLOUDS)
                value = cloud.encode()
            else:
                ids = known.nodes.get(cloud, []) if "node" in name else known.records.get(name, [])
                usual = [*ids[-30:], "1", "2", "unknown"]
                value = chance.choice(usual).encode()
            if chance.random() < 0.12:
                value = chance.choice(_ODD_SEGMENTS)
                cloud = "" if name == "cloud" else cloud
            quoted = quote_from_bytes(value, safe="/" if chance.random() < 0.5 else "")
            for template in (f"{{{name}}}", f"{{{name}:path}}"):
                path = path.replace(template, quoted)
        return (path + ("/" if chance.random() < 0.05 else "")).encode(), cloud

    def _query(self, chance: random.Random, parameters: Sequence[str]) -> bytes:
        if chance.random() < 0.6:
            return b""
        pairs = []
        for _ in range(chance.choice((1, 1, 2, 4))):
            usual = chance.random() < 0.9
            name = chance.choice(parameters).encode() if usual else chance.choice(_ODD_NAMES)
            value = chance.choice(_ODD_VALUES)
            if name == b"clouds" and chance.random() < 0.7:
                value = b",".join(chance.sample([one.encode() for one in CLOUDS], 2))
            quoted = quote_from_bytes(value)
            pairs.append(quote_from_bytes(name) + chance.choice(("=", "=", "=", "")) + quoted)
        if chance.random() < 0.03:
            pairs = pairs * chance.choice((2, 300))
        return ("?" + "&".join(pairs))[:7_000].encode()

    def _headers(self, chance: random.Random) -> tuple[list[str], bool]:
        headers = ["Host: localhost"]
        if chance.random() < 0.97:
            scheme = chance.choice(_SCHEMES)
            headers.append(scheme + chance.choice(self._tokens))
        elif chance.random() < 0.5:
            headers.append(chance.choice(_NO_TOKENS))
        count = chance.choices((0, 1, 2, 5), (55, 30, 10, 5))[0]
        headers += [chance.choice(_HEADERS) for _ in range(count)]
        hinted = chance.random() < 0.12
        if hinted:
            headers.append(f"X-Cloud-Hints: {chance.choice(_HINTS)}")
        return headers, hinted
