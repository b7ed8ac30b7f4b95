"""The costliest content of each header, parameter, field and frame, at any length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from marshmallow import Schema

from tests.conftest import OPS_TOKEN
from tests.fuzz.routes import PARAMETERS, all_routes

HEAD: Final = (
    f"Host: localhost\r\nAuthorization: Bearer {OPS_TOKEN}\r\nConnection: close\r\n".encode()
)

Make = Callable[[int], bytes]
"""A function that makes a request with one part of about this many bytes."""

_FILLS: Final = (
    b"a",
    b",",
    b";",
    b" ",
    b"=",
    b"/",
    b"%41",
    b"a=b;",
    b"a,",
    b'"',
    b"\\",
    b"1",
    b"\xe9",
)

_HEADERS: Final = (
    *("Accept", "Accept-Encoding", "Authorization", "Cache-Control", "Connection"),
    "Content-Encoding",
    *("Content-Type", "Cookie", "Expect", "Forwarded", "Host", "Idempotency-Key", "If-None-Match"),
    *(
        "Origin",
        "Pragma",
        "Prefer",
        "Range",
        "Sec-Fetch-Site",
        "TE",
        "Transfer-Encoding",
        "Upgrade",
    ),
    *("X-Auth-Token", "X-Cloud-Hints", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Request-ID"),
    *("Content-Length", "Via", "X-Unknown"),
)

_PUT: Final = b"PUT /api/v1/vm/stop HTTP/1.1\r\nContent-Type: application/json\r\n" + HEAD


def _filled(fill: bytes, size: int) -> bytes:
    return fill * (size // len(fill))


def _header(name: str, fill: bytes) -> Make:
    def make(size: int) -> bytes:
        usual = b"" if name == "Host" else b"Host: localhost\r\n"
        token = (
            b"" if name == "Authorization" else f"Authorization: Bearer {OPS_TOKEN}\r\n".encode()
        )
        line = name.encode() + b": " + _filled(fill, size).strip() + b"\r\n"
        return b"PUT /api/v1/vm/stop HTTP/1.1\r\n" + usual + token + line + b"\r\n"

    return make


def _target(before: bytes, fill: bytes) -> Make:
    return lambda size: b"GET " + before + _filled(fill, size) + b" HTTP/1.1\r\n" + HEAD + b"\r\n"


def body(content: bytes, target: bytes = b"PUT /api/v1/vm/stop") -> bytes:
    """Return a request with this body."""
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
    return target + b" HTTP/1.1\r\n" + HEAD + length + content


def _field(target: bytes, name: str, fill: bytes) -> Make:
    before, after = b'{"' + name.encode() + b'": "', b'"}'
    return lambda size: body(before + _filled(fill, size) + after, target)


def _chunked(fill: bytes, before: bytes = b"5;", after: bytes = b"\r\nhello\r\n0\r\n\r\n") -> Make:
    head = _PUT + b"Transfer-Encoding: chunked\r\n\r\n"
    return lambda size: head + before + _filled(fill, size) + after


def lines() -> Mapping[str, Make]:
    """Return the cases bounded by the length of a line: targets, headers, chunks, trailers."""
    found: dict[str, Make] = {}
    for name in _HEADERS:
        for fill in _FILLS:
            found[f"{name}: {fill!r}"] = _header(name, fill)
    for before in (
        b"/api/v1/nodes/fake_driver/",
        b"/",
        b"http://",
        b"http://a/",
        b"/api/v1/cloud/",
    ):
        for fill in (b"a", b"/", b"/a", b"%41", b"%", b"%ff", b"..%2f", b"@", b":", b"[", b"."):
            found[f"target {before!r} {fill!r}"] = _target(before, fill)
    for name in PARAMETERS:
        for fill in (b"9", b"a", b",", b"%2c", b"%ff", b"+", b"*,"):
            before = f"/api/v1/nodes?{name}=".encode()
            found[f"query {name} {fill!r}"] = _target(before, fill)
    for fill in (b"a&", b"&", b"a=1&", b"limit=1&", b"clouds=*&", b"=", b"%26", b"limit=&", b"?"):
        found[f"query {fill!r}"] = _target(b"/api/v1/nodes?", fill)
    for fill in (b"a", b"a=b;", b";", b" ", b'"', b'a="b";', b'\\"', b"a=", b"\t"):
        found[f"extension {fill!r}"] = _chunked(fill)
        found[f"quoted extension {fill!r}"] = _chunked(fill, b'5;a="')
        found[f"trailer {fill!r}"] = _chunked(fill, b"0\r\nA: ", b"\r\n\r\n")
        found[f"name of a trailer {fill!r}"] = _chunked(fill, b"0\r\n", b": x\r\n\r\n")
    return MappingProxyType(found)


def bodies() -> Mapping[str, Make]:
    """Return the cases bounded by the size of a body: each field of each route, filled."""
    found: dict[str, Make] = {}
    schemas: dict[type[Schema], bytes] = {}
    for route in all_routes():
        if route.schema is not None:
            method = "POST" if "POST" in route.methods else "PUT"
            path = route.path.replace("/{cloud}", "")
            schemas.setdefault(type(route.schema), f"{method} {path}".encode())
    for schema, target in schemas.items():
        for name in [*schema().fields, "unknown"]:
            for fill in (b"a", b"\\u00e9", b"\xc3\xa9", b"\\n"):
                found[f"{schema.__name__}.{name} {fill!r}"] = _field(target, name, fill)
    for before, fill, after in (
        (b'{"metadata": {"a": [', b"1,", b"1]}}"),
        (b'{"metadata": {"a": [', b"{},", b"1]}}"),
        (b'{"metadata": {', b'"a":1,', b'"b":1}}'),
        (b'{"metadata": {"a": ', b"9", b"}}"),
        (b'{"metadata": {"a": 0.', b"9", b"}}"),
        (b'{"metadata": {"a": [', b"9" * 4000 + b",", b"1]}}"),
        (b'{"metadata": ', b"[", b""),
        (b'{"', b"a", b'": 1}'),
        (b"{", b" ", b"}"),
        (b'{"a": "', b"\\", b""),
        (b'{"a": "', b'\\"', b""),
        (b"", b"\xff", b""),
        (b"\xff\xfe", b"a\0", b""),
    ):
        found[f"body {before!r} {fill[:9]!r}"] = _body(before, fill, after)
    plain = b"GET /api/v1/ HTTP/1.1\r\n" + HEAD + b"\r\n"
    line = b"X: " + b"v" * 8_000 + b"\r\n"
    found["headers at their limits"] = lambda size: plain[:-2] + line * (size // 8_000) + b"\r\n"
    found["empty lines"] = lambda size: b"\r\n" * (size // 2) + plain
    return MappingProxyType(found)


def _body(before: bytes, fill: bytes, after: bytes) -> Make:
    target = b"POST /api/v1/vm/start"
    return lambda size: body(before + _filled(fill, size) + after, target)
