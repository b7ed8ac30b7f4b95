"""Raw bytes for the socket layer: valid requests, mutated by RFC 9112's grammar or at random.

Each input is made from its own number, so that a failing input can be made again alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

CRLF: Final = b"\r\n"

METHODS: Final = (b"GET",) * 6 + (b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH")
ODD_METHODS: Final = (
    b"CONNECT", b"TRACE", b"PRI", b"get", b"G", b"", b"M" * 20, b"M" * 21, b"GET\t", b"G\x00T",
    b"G\xc3\xa9T", b"GET GET", b"@@@", b"BREW", b'GE"T',
)  # fmt: skip

TARGETS: Final = (
    b"/api/v1/", b"/api/v1", b"/api/v1/nodes", b"/api/v1/nodes/fake_driver/1", b"/api/v1/images",
    b"/api/v1/sizes?limit=1", b"/api/v1/cloud/fake_driver", b"/api/v2/operations?limit=2",
    b"/api/v2/nodes?clouds=a", b"/api/v1/vm/start", b"/api/v1/vm/action/assign", b"/api/v1/vm/stop",
    b"/api/v1/vm/status", b"/api/v2/plugins", b"/api/v1/auth", b"/",
)  # fmt: skip
ODD_TARGETS: Final = (
    b"*", b"", b"//", b"//api/v1/nodes", b"/api%2fv1/nodes", b"/api/v1/%00", b"/api/v1/nodes/%ff",
    b"/api/v1/nodes/fake_driver/" + b"%2e%2e%2f" * 8, b"/../../etc/passwd",
    b"/api/v1/nodes?" + b"a&" * 900, b"http://localhost/api/v1/nodes", b"HTTP://localhost:80",
    b"https://h/api/v1/?a=b", b"http://", b"http://user@localhost/", b"http://[::1]:5050/api/v1/",
    b"http://[::1/", b"ftp://localhost/", b"localhost:80", b"http://localhost:99999/",
    b"/api/v1/nodes#fragment", b"/api/v1/no des", b"/api/v1/nodes\x00", b"/api/v1/n\xc3\xb6des",
    b"/%", b"/%z1", b"?", b"/?" + b"=" * 200, b"/" + b"a" * 8150, b"/" + b"a" * 8250,
    b"/" + b"/a" * 2000, b"/api/v1/nodes?limit=" + b"9" * 4000,
)  # fmt: skip

ODD_VERSIONS: Final = (
    b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1.1 ", b" HTTP/1.1", b"http/1.1",
    b"", b"HTTP/1", b"HTTP/11.1", b"HTTP/1.1\x00", b"HTTP/1.\xb9", b"ICY/1.1", b"HTTP/1.1\r",
    b"RTSP/1.0",
)  # fmt: skip

LENGTHS: Final = (
    b"0", b"1", b"5", b"40", b"-1", b"+5", b"5,5", b"5, 6", b"0x5", b"1e1", b" 5 ", b"", b"00005",
    b"5_0", b"\xd9\xa5", b"9" * 18, b"9" * 20, b"9" * 300, b"9" * 4300, b"9" * 5000, b"5;a", b"1.0",
)  # fmt: skip
CODINGS: Final = (
    b"chunked", b"Chunked", b"chunked, chunked", b"identity", b"gzip", b"gzip, chunked",
    b"xchunked", b"chunked;q=1", b"chunked,", b",chunked", b" chunked", b"chunked\x00",
    b"\x0bchunked", b"identity, chunked", b"trailers", b"cow", b"", b"chunked\t", b'"chunked"',
    b"chu\tnked",
)  # fmt: skip
CHUNK_SIZES: Final = (
    b"5", b"05", b"0", b"00", b"5 ", b" 5", b"5;a=b", b'5;a="\\""', b"5;a", b"5;", b"5 ;a=1",
    b"5;\ra", b"0x5", b"-5", b"+5", b"", b"g", b"5\x00", b"f" * 15, b"f" * 16, b"f" * 17,
    b"0" * 30 + b"5", b"f" * 8000, b"5;" + b"a" * 8170, b"5;" + b"a=b;" * 500 + b"a=b",
    b'5;a="' + b"x" * 4000, b"5_0", b"5\t",
)  # fmt: skip
TRAILERS: Final = (
    b"", b"A: b\r\n", b"Host: x\r\n", b"Content-Length: 4\r\n", b"no colon\r\n", b" fold\r\n",
    b"A: b\r\n" * 99, b"A: b\r\n" * 101, b"A: \x00\r\n", b"Transfer-Encoding: chunked\r\n",
    b": x\r\n", b"A : b\r\n",
)  # fmt: skip

ODD_LINES: Final = (
    b"Host: other", b"Host: a b", b"Host: [::1", b"Host: h:99999", b"Host:", b"Host: \xff",
    b" Host: x", b"X: " + b"v" * 8000, b"X: " + b"v" * 8190, b"X" * 5000 + b": v", b"No colon",
    b": empty name", b"X : space", b"X\t: tab", b"X: a\x00b", b"X: a\rb", b"X: a\nb", b"X: \x7f",
    b"X: \x01", b"X\x00: v", b"X: a\r\n folded", b"X: a\r\n\tfolded", b"\xc3\xa9: v",
    b"X: \xc3\xa9\xff", b"X(y): v", b"X_y: v", b"Connection: close", b"Connection: keep-alive",
    b"Connection: x, close", b"Connection: upgrade", b"Connection: closed",
    b"Connection: Close , X", b"Connection: keep-alive, close", b"Connection:", b"Connection: host",
    b"Expect: 100-continue", b"Expect: 200-maybe", b"Upgrade: websocket",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"TE: trailers", b"Content-Encoding: gzip", b"Accept: " + b"*/*," * 900, b"Accept-Encoding: br",
    b"X-Forwarded-Prefix: /a/../b", b"X-Forwarded-Proto: gopher", b"X-Forwarded-For: \xff",
    b"X-Forwarded-Proto: https\r\nX-Forwarded-Protocol: http", b'Forwarded: for="_x"',
    b"X-Request-ID: " + b"i" * 200, b"X-Cloud-Hints: " + b";" * 300, b"Prefer: " + b"," * 400,
    b"Idempotency-Key: k\r\nIdempotency-Key: l", b"Authorization: Bearer \xff", b"Authorization:",
    b"Authorization: Basic eDp5", b"X-Auth-Token: " + b"t" * 4000, b"Cookie: " + b"a=b; " * 700,
    b"Content-Type: application/json\r\nContent-Type: text/plain", b"Content-Type: \xff",
    b"Range: bytes=0-", b"If-None-Match: *", b"Cache-Control: " + b"max-age=1," * 300, b"Via: \t",
    b"Origin: null", b"Sec-Fetch-Site: cross-site", b"Trailer: A", b"Proxy-Connection: close",
)  # fmt: skip

BODIES: Final = (
    b"", b"hello", b"{}", b'{"name": "n", "image": "99", "size": "1"}', b'{"node": "no-such"}',
    b'{"node": "1", "user": "u", "vm_type": "t", "emulate": true}', b"[" * 200, b"\xff\xfe",
    b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"a": 1, "a": 2}', b"\x00" * 9,
    b'{"metadata": ' + b'{"a": ' * 40 + b"1" + b"}" * 41,
)  # fmt: skip

NOT_HTTP: Final = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)) * 4,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + b"\x01" * 12,
    b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00" * 300, b"\r" * 50, b"\n" * 50, b"\r\n" * 3000, b"GET", b" ",
    b"EHLO x\r\n", b"\x80\x9e\x01\x03\x01", b"HTTP/1.1 200 OK\r\n\r\n",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RawInput:
    """Bytes for one connection.

    Attributes:
        parts: the parts to send, with a pause between them.
        half_close: whether the client ends its side after the last part.
    """

    parts: tuple[bytes, ...]
    half_close: bool = False

    @property
    def data(self) -> bytes:
        """Return all of the bytes."""
        return b"".join(self.parts)


def raw_input(seed: int, number: int, tokens: Sequence[bytes] = ()) -> RawInput:
    """Return the input of this number.

    Args:
        seed: the seed of the whole run.
        number: the input's number.
        tokens: valid tokens; most requests carry one of them.
    """
    return _Maker(random.Random(f"{seed}:{number}"), tokens).make()


class _Maker:
    def __init__(self, chance: random.Random, tokens: Sequence[bytes]) -> None:
        self._chance = chance
        self._tokens = tokens

    def make(self) -> RawInput:
        chance = self._chance
        if chance.random() < 0.06:
            data = self._not_http()
        else:
            count = chance.choices((1, 2, 3, 8), (70, 18, 9, 3))[0]
            data = b"".join(self._request() for _ in range(count))
        if chance.random() < 0.25:
            data = self._mutated(data)
        return RawInput(self._parts(data), half_close=chance.random() < 0.05)

    def _not_http(self) -> bytes:
        if self._chance.random() < 0.4:
            return self._chance.randbytes(self._chance.randrange(1, 400))
        start = self._chance.choice(NOT_HTTP)
        return start + (self._request() if self._chance.random() < 0.5 else b"")

    def _rarely(self, usual: bytes, odd: Sequence[bytes], share: float) -> bytes:
        return self._chance.choice(odd) if self._chance.random() < share else usual

    def _request(self) -> bytes:
        """Return a request, in which each part is malformed in some cases."""
        chance = self._chance
        method = self._rarely(chance.choice(METHODS), ODD_METHODS, 0.06)
        target = self._rarely(chance.choice(TARGETS), ODD_TARGETS, 0.12)
        version = self._rarely(b"HTTP/1.1", ODD_VERSIONS, 0.08)
        lines = [b"Host: localhost"] if chance.random() < 0.96 else []
        if self._tokens and chance.random() < 0.8:
            lines.append(b"Authorization: Bearer " + chance.choice(self._tokens))
        count = chance.choices((0, 1, 2, 6), (55, 30, 10, 5))[0]
        lines += [chance.choice(ODD_LINES) for _ in range(count)]
        if chance.random() < 0.02:
            lines += [b"X%d: y" % n for n in range(chance.choice((95, 120)))]
        framing, body = self._body(method)
        lines += framing
        chance.shuffle(lines)
        head = b" ".join((method, target, version)) + CRLF + b"".join(x + CRLF for x in lines)
        empty = b"" if chance.random() < 0.95 else CRLF * chance.randrange(1, 4)
        return empty + head + CRLF + body

    def _body(self, method: bytes) -> tuple[list[bytes], bytes]:
        chance = self._chance
        if method not in (b"POST", b"PUT", b"PATCH") and chance.random() < 0.85:
            return [], b""
        body = chance.choice(BODIES)
        kind = [b"Content-Type: application/json"] if chance.random() < 0.9 else []
        way = chance.random()
        if way < 0.55:
            return [*kind, b"Content-Length: %d" % len(body)], body
        if way < 0.66:
            return [*kind, b"Content-Length: " + chance.choice(LENGTHS)], body
        if way < 0.86:
            return [*kind, b"Transfer-Encoding: chunked"], self._chunked(body)
        if way < 0.92:
            return [*kind, b"Transfer-Encoding: " + chance.choice(CODINGS)], self._chunked(body)
        both = [
            (b"Content-Length", b"%d" % len(body)),
            (b"Transfer-Encoding", chance.choice(CODINGS)),
            (b"Content-Length", chance.choice(LENGTHS)),
            (b"Transfer-Encoding", b"chunked"),
        ]
        chosen = chance.sample(both, 2)
        return [*kind, *(b": ".join(one) for one in chosen)], chance.choice(
            (body, self._chunked(body))
        )

    def _chunked(self, body: bytes) -> bytes:
        chance = self._chance
        out, at = [], 0
        while at < len(body):
            piece = body[at : at + chance.randrange(1, 60)]
            size = self._rarely(b"%x" % len(piece), CHUNK_SIZES, 0.06)
            end = self._rarely(CRLF, (b"", b"\n", b"\r", b"\r\n\r\n", b"xx"), 0.03)
            out.append(size + CRLF + piece + end)
            at += len(piece)
        out.append(self._rarely(b"0", CHUNK_SIZES, 0.05) + CRLF)
        out.append(self._rarely(b"", TRAILERS, 0.15) + CRLF)
        return b"".join(out)

    def _mutated(self, data: bytes) -> bytes:
        """Return the bytes, changed at a few places without regard to any grammar."""
        changed = bytearray(data)
        for _ in range(self._chance.choice((1, 1, 2, 5))):
            self._chance.choice(_CHANGES)(self._chance, changed)
        return bytes(changed)

    def _parts(self, data: bytes) -> tuple[bytes, ...]:
        chance = self._chance
        if chance.random() < 0.8 or len(data) < 2:
            return (data,)
        if chance.random() < 0.1 and len(data) < 600:
            return tuple(bytes([byte]) for byte in data)
        cuts = sorted(
            chance.sample(range(1, len(data)), min(len(data) - 1, chance.randrange(1, 6)))
        )
        return tuple(data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True))


_SEPARATORS: Final = (b"\r", b"\n", b"\r\n", b"\x00", b" ", b"\t", b":", b";", b",", b"\xff", b"0")


def _insert(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice(_SEPARATORS)


def _delete(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.choice((1, 1, 2, 20))]


def _replace(chance: random.Random, data: bytearray) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _repeat(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data) + 1)
    piece = data[at : at + chance.choice((1, 8, 60))]
    data[at:at] = piece * chance.choice((1, 2, 30))


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[chance.randrange(len(data) + 1) :]


_CHANGES: Final[tuple[Callable[[random.Random, bytearray], None], ...]] = (
    _insert,
    _delete,
    _replace,
    _repeat,
    _cut,
)
